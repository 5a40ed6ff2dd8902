// The part [grpc] of the configuration: how the daemon is reached from other hosts, and what it tells about itself.

import { z } from 'zod';
import { descriptions } from './descriptions.ts';

const path = z.string().min(1);

/** Without encryption and certificates on both sides nobody is reached over TCP, so there is no key for that. */
export const grpcKeys = {
  listen: z
    .string()
    .regex(/^(\[[0-9a-fA-F:]+\]|[^:[\]]*):\d{1,5}$/, '"host:port", "[address]:port" or ":port"')
    .optional()
    .register(descriptions, {
      meaning: 'where to listen for other hosts; `":port"` stands for all addresses',
      example: '"[::1]:7443"',
      values: 'host and port',
      fallback: 'nowhere',
    }),
  certificate: path.optional().register(descriptions, {
    meaning:
      "the daemon's certificate, followed by those that lead to its authority (PEM); needed for `listen`",
    example: '"/etc/warpdrive/daemon.pem"',
    values: 'a path',
    fallback: 'none',
  }),
  key: path.optional().register(descriptions, {
    meaning: 'its key (PEM); needed for `listen`',
    example: '"/etc/warpdrive/daemon.key"',
    values: 'a path',
    fallback: 'none',
  }),
  client_ca: path.optional().register(descriptions, {
    meaning: 'the authorities whose certificates clients may show (PEM); needed for `listen`',
    example: '"/etc/warpdrive/clients.pem"',
    values: 'a path',
    fallback: 'none',
  }),
  reflection: z.boolean().default(false).register(descriptions, {
    meaning: 'tell clients the contract by gRPC server reflection',
    example: 'true',
  }),
};

export const grpcSchema = z.strictObject(grpcKeys).superRefine(({ listen, ...files }, context) => {
  for (const name of ['certificate', 'key', 'client_ca'] as const) {
    if ((files[name] === undefined) === (listen === undefined)) continue;
    const message = listen === undefined ? 'has no effect without "listen"' : 'needed for "listen"';
    context.addIssue({ code: 'custom', path: [name], message });
  }
});
export type GrpcConfiguration = z.infer<typeof grpcSchema>;
