// Notes the contract of a release: writes the descriptor of proto/ to proto/released/VERSION.json, for the version in
// package.json. A released descriptor is never written again; a test compares the contract with all of them.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
const path = `${root}/proto/released/${version}.json`;
if (existsSync(path)) {
  process.stderr.write(`${path} is there already: a released contract stays as it is\n`);
  process.exit(1);
}
const contract = new protobuf.Root().loadSync(`${root}/proto/warpdrive/v1/warpdrive.proto`);
writeFileSync(path, `${JSON.stringify(contract.toJSON(), null, 2)}\n`);
