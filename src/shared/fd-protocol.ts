// What is said on the fd socket: the client sends a token, the daemon one answer, and that is all.
//
//     client -> daemon   32 bytes: the token
//     daemon -> client   8 bytes: error number or 0, count of descriptors; the descriptors come with it

import { errorNumber } from './errors.ts';

const FD_ANSWER_BYTES = 8;

export function encodeFdAnswer(fdCount: number): Buffer {
  const answer = Buffer.alloc(FD_ANSWER_BYTES);
  answer.writeUInt32LE(fdCount === 0 ? errorNumber('TOKEN_REFUSED') : 0, 0);
  answer.writeUInt32LE(fdCount, 4);
  return answer;
}

export interface FdAnswer {
  /** An error number; 0 if the descriptors came. */
  readonly status: number;
  readonly fdCount: number;
}

export function decodeFdAnswer(bytes: Buffer): FdAnswer | undefined {
  if (bytes.length !== FD_ANSWER_BYTES) return undefined;
  return { status: bytes.readUInt32LE(0), fdCount: bytes.readUInt32LE(4) };
}
