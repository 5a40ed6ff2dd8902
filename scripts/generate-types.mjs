// Generates the TypeScript types of the gRPC contract: `node scripts/generate-types.mjs [FOLDER]`, into src/shared/gen
// unless told otherwise. The options are those with which src/shared/grpc.ts loads the contract.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = process.argv[2] ?? `${root}/src/shared/gen`;
const { status } = spawnSync(
  `${root}/node_modules/.bin/proto-loader-gen-types`,
  [
    '--longs=Number',
    '--enums=String',
    '--defaults',
    '--oneofs',
    '--grpcLib=@grpc/grpc-js',
    '--importFileExtension=.ts',
    `--outDir=${folder}`,
    'proto/warpdrive/v1/warpdrive.proto',
  ],
  { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
);
process.exit(status ?? 1);
