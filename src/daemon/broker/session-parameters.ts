// What a caller gives to open a session: the level of a compression or the key of a cipher, checked.

import { WarpError } from '../../shared/errors.ts';
import type { ReceivedRequest } from '../../shared/grpc.ts';
import { KEY_BYTES_MAX } from '../../shared/limits.ts';
import { isAlgorithmName, LEVEL_MAX, sessionKind } from '../../shared/operations.ts';

/** As the engine takes them. Throws INVALID_ARGUMENT. */
export function checkSessionParameters(request: ReceivedRequest<'OpenSession'>, operation: string) {
  const { algorithm, parameters: given, level, key } = request;
  const kind = isAlgorithmName(algorithm) ? sessionKind(algorithm) : 'none';
  if (!isAlgorithmName(algorithm) || kind === 'none') {
    throw new WarpError('INVALID_ARGUMENT', {
      operation,
      found: 'its requests need no session, or there is no such algorithm',
    });
  }
  if (given !== kind) {
    throw new WarpError('INVALID_ARGUMENT', {
      operation,
      found: `"${given ?? 'nothing'}" given`,
      hint: `give a ${kind}`,
    });
  }
  if (kind === 'level') {
    const value = level ?? 0;
    if (value <= LEVEL_MAX) return { algorithm, parameters: { kind, level: value } as const };
    throw new WarpError('INVALID_ARGUMENT', {
      operation,
      found: `level ${value}`,
      hint: `use 0 to ${LEVEL_MAX}`,
    });
  }
  if (key?.length !== KEY_BYTES_MAX) {
    throw new WarpError('INVALID_ARGUMENT', {
      operation,
      found: `a key of ${key?.length ?? 0} bytes`,
      hint: `give ${KEY_BYTES_MAX} bytes`,
    });
  }
  return { algorithm, parameters: { kind, key: key.toString('base64') } as const };
}
