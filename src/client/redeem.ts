// Fetches the descriptors that a token stands for, on the fd socket (shared/fd-protocol.ts).

import { decodeFdAnswer } from '../shared/fd-protocol.ts';
import { errorCode, WarpError } from '../shared/errors.ts';
import { isPeerGone } from '../sys/errno.ts';
import { closeAll, type Fd } from '../sys/fd.ts';
import { connectUnix, receiveWithFds, sendWithFds, waitReadableAsync } from '../sys/socket.ts';

/** The caller owns the descriptors. Throws TOKEN_REFUSED, or DEADLINE_EXCEEDED where no answer comes. */
export async function redeemToken(
  path: string,
  token: Uint8Array,
  expected: { readonly fds: number; readonly label: string; readonly timeoutMillis: number },
): Promise<readonly Fd[]> {
  const operation = `fetch ${expected.label} from ${path}`;
  const socket = connectUnix(path, 'fd socket');
  try {
    sendToken(socket.number, token, operation);
    if (!(await waitReadableAsync(socket.number, expected.timeoutMillis))) {
      throw new WarpError('DEADLINE_EXCEEDED', { operation });
    }
    const received = receiveWithFds(socket.number, expected.label);
    if (received === 'empty' || received === 'end') throw new WarpError('TOKEN_REFUSED', { operation });
    const answer = decodeFdAnswer(received.bytes);
    if (answer !== undefined && answer.status === 0 && received.fds.length === expected.fds)
      return received.fds;
    closeAll(received.fds);
    throw new WarpError(
      answer === undefined || answer.status === 0 ? 'PROTOCOL_MISMATCH' : errorCode(answer.status),
      {
        operation,
      },
    );
  } finally {
    socket.close();
  }
}

/** A broker that is gone refuses as well as one that doesn't know the token: another will be had from the next. */
function sendToken(socket: number, token: Uint8Array, operation: string): void {
  try {
    sendWithFds(socket, token, []);
  } catch (cause) {
    if (isPeerGone(cause)) throw new WarpError('TOKEN_REFUSED', { operation, cause });
    throw cause;
  }
}
