// Serves the counters over HTTP: as Prometheus text to whoever may, and as JSON on the Unix socket, which only root and
// the user of the daemon may open.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { METRICS_PATH, type Picture, PICTURE_PATH } from '../../shared/picture.ts';
import { METRICS_SOCKET } from '../../shared/runtime-paths.ts';
import type { Configuration } from '../config/schema.ts';
import { listenAt, stopListening } from '../listen.ts';
import { formatMetrics } from './metrics.ts';

const CONNECTIONS_MAX = 16;
/** A request is one line and some headers: who takes longer to send it is cut off, milliseconds. */
const REQUEST_MILLIS_MAX = 2_000;
const HEADER_BYTES_MAX = 8 * 1024;
/** A picture costs engine and broker work, and over TCP anybody of this host may ask: they get one as old as this, milliseconds. */
const SHARED_MILLIS = 500;

type Take = () => Promise<Picture>;

interface Page {
  readonly type: string;
  readonly format: (picture: Picture) => string | Promise<string>;
}

const textPage: Page = { type: 'text/plain; version=0.0.4; charset=utf-8', format: formatMetrics };
const jsonPage: Page = { type: 'application/json', format: (picture) => JSON.stringify(picture) };
const publicPages = new Map([[METRICS_PATH, textPage]]);
const ownPages = new Map([...publicPages, [PICTURE_PATH, jsonPage]]);

export class MetricsServer {
  readonly #take: Take;
  readonly #log: Logger;
  readonly #servers: Server[] = [];

  /** `take`: a picture of all counters. */
  constructor(take: Take, log: Logger) {
    this.#take = take;
    this.#log = log;
  }

  async listen({ socket, tcp }: Configuration['metrics'], runtimeDir: string): Promise<void> {
    if (socket) await listenAt(this.#serve(ownPages, this.#take), join(runtimeDir, METRICS_SOCKET), 0o600);
    if (tcp !== undefined) {
      const { hostname, port } = new URL(`http://${tcp}`);
      const host = hostname.replace(/^\[|\]$/g, '');
      const server = this.#serve(publicPages, shared(this.#take));
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port: Number(port || 80) }, resolve);
      });
      this.#log.info({ tcp }, 'serving metrics');
    }
  }

  #serve(pages: ReadonlyMap<string, Page>, take: Take): Server {
    const options = { maxHeaderSize: HEADER_BYTES_MAX, requestTimeout: REQUEST_MILLIS_MAX };
    const server = createServer(options, (request, response) => {
      void this.#answer(pages, take, request, response);
    });
    server.headersTimeout = REQUEST_MILLIS_MAX;
    server.maxConnections = CONNECTIONS_MAX;
    this.#servers.push(server);
    return server;
  }

  async #answer(
    pages: ReadonlyMap<string, Page>,
    take: Take,
    { method, url }: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const page = pages.get(url ?? '');
    if (page === undefined || method !== 'GET') {
      response.writeHead(page === undefined ? 404 : 405).end();
      return;
    }
    try {
      const text = await page.format(await take());
      response.writeHead(200, { 'content-type': page.type }).end(text);
    } catch (error) {
      this.#log.warn({ err: error }, 'the counters could not be read');
      response.writeHead(503).end(`${(error as Error).message}\n`);
    }
  }

  close(): void {
    for (const server of this.#servers) {
      stopListening(server);
      server.closeAllConnections();
    }
  }
}

/** All who ask within a while get the same. */
function shared(take: Take): Take {
  let last: Promise<Picture> | undefined;
  let takenMillis = 0;
  return () => {
    const nowMillis = performance.now();
    if (last !== undefined && nowMillis - takenMillis < SHARED_MILLIS) return last;
    takenMillis = nowMillis;
    last = take();
    return last;
  };
}
