// The gRPC contract only grows: whatever a release had is still there, with the same number, type and meaning on the
// wire.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { operations } from '../../src/shared/operations.ts';
import { packageRoot, packageVersion, protoFile } from '../../src/shared/package-files.ts';

/** What the contract says, one line for each thing that peers rely on. */
function promises(root: protobuf.Root): Map<string, string> {
  const lines = new Map<string, string>();
  const visit = (node: protobuf.ReflectionObject): void => {
    const name = node.fullName;
    if (node instanceof protobuf.Method) {
      const { requestType, responseType, requestStream = false, responseStream = false } = node;
      lines.set(name, `method ${requestType} ${requestStream} -> ${responseType} ${responseStream}`);
    } else if (node instanceof protobuf.Enum) {
      lines.set(name, 'enum');
      for (const [value, number] of Object.entries(node.values))
        lines.set(`${name}.${value}`, `value ${number}`);
    } else if (node instanceof protobuf.Field) {
      const key = node instanceof protobuf.MapField ? `map of ${node.keyType}` : '';
      const within = node.partOf === null ? '' : `in ${node.partOf.name}`;
      lines.set(
        name,
        `field ${node.id} ${key} ${node.repeated ? 'repeated ' : ''}${node.type} ${within}`.trim(),
      );
    }
    if (node instanceof protobuf.Type) {
      lines.set(name, 'message');
      for (const field of node.fieldsArray) visit(field);
    }
    if (node instanceof protobuf.Service) for (const method of node.methodsArray) visit(method);
    if (node instanceof protobuf.Namespace) for (const nested of node.nestedArray) visit(nested);
  };
  visit(root);
  return lines;
}

/** What the older one has promised and the newer one doesn't keep. */
function broken(older: protobuf.Root, newer: protobuf.Root): string[] {
  const kept = promises(newer);
  return [...promises(older)].filter(([name, line]) => kept.get(name) !== line).map(([name]) => name);
}

const contract = (): protobuf.Root => new protobuf.Root().loadSync(protoFile);
const folder = join(packageRoot, 'proto/released');
const released = readdirSync(folder)
  .map((file) => file.replace(/\.json$/, ''))
  .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
const releasedContract = (version: string): protobuf.Root =>
  protobuf.Root.fromJSON(
    JSON.parse(readFileSync(join(folder, `${version}.json`), 'utf8')) as protobuf.INamespace,
  );

describe('the contract', () => {
  it.each(released)('keeps what release %s has promised', (version) => {
    expect(broken(releasedContract(version), contract())).toEqual([]);
  });

  it('has a descriptor for each release, none of a later version than this one', () => {
    expect(released.length).toBeGreaterThan(0);
    const last = released.at(-1) ?? '';
    expect(last.localeCompare(packageVersion, 'en', { numeric: true })).toBeLessThanOrEqual(0);
  });

  it('names operations and gives them numbers as the channel does', () => {
    const { values } = contract().lookupEnum('warpdrive.v1.Operation');
    const expected = Object.values(operations).map(({ name, number }) => [
      `OPERATION_${name.toUpperCase().replaceAll('-', '_')}`,
      number,
    ]);
    expect(values).toEqual({ OPERATION_UNSPECIFIED: 0, ...Object.fromEntries(expected) });
  });
});

describe('a change that breaks the wire', () => {
  const text = readFileSync(protoFile, 'utf8');
  it.each([
    ['a field renumbered', 'bytes token = 2;', 'bytes token = 9;', 'OpenChannelResponse.token'],
    ['a field of another type', 'uint32 slots = 1;', 'uint64 slots = 1;', 'OpenChannelRequest.slots'],
    ['a field renamed', 'bytes token = 2;', 'bytes ticket = 2;', 'OpenChannelResponse.token'],
    ['a field no longer repeated', 'repeated Part parts = 3;', 'Part parts = 3;', 'ExchangeRequest.parts'],
    ['a value removed', 'QUEUE_MODE_DIRECT = 2;', '', 'QueueMode.QUEUE_MODE_DIRECT'],
    ['a method that streams no longer', '(stream ExchangeRequest)', '(ExchangeRequest)', 'Broker.Exchange'],
  ])('is found: %s', (_, from, to, name) => {
    expect(text).toContain(from);
    const changed = protobuf.parse(text.replace(from, to)).root;
    expect(broken(contract(), changed)).toContain(`.warpdrive.v1.${name}`);
  });

  it('and an addition is none', () => {
    const grown = protobuf.parse(text.replace('bytes token = 2;', 'bytes token = 2; bytes more = 99;')).root;
    expect(broken(contract(), grown)).toEqual([]);
  });
});
