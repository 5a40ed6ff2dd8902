// AES-256 in GCM and CBC, by node:crypto (OpenSSL).
//
// Decryption copies its input first: it reads it twice (for the tag, then for the text), and a client that changed it
// in between would get text that nobody authenticated. Encryption works in place: a client that writes meanwhile gets
// some mixture encrypted. Output is private until it is whole, or the tag or the padding was found right.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { present } from '../../../shared/assert.ts';
import { errorNumber } from '../../../shared/errors.ts';
import {
  cbcEncryptedBytes,
  GCM_IV_BYTES,
  PARAMETER_IV_BYTES,
  PARAMETER_IV_OFFSET,
  PARAMETER_TAG_BYTES,
  PARAMETER_TAG_OFFSET,
} from '../../../shared/operations.ts';
import type { Handler, Job, Outcome } from './job.ts';
import type { Scratch } from './scratch.ts';

const OUTPUT_TOO_SMALL = errorNumber('OUTPUT_TOO_SMALL');
const CORRUPT_INPUT = errorNumber('CORRUPT_INPUT');
const WRONG_TAG = errorNumber('WRONG_TAG');
const BAD_LENGTH = errorNumber('BAD_LENGTH');

const BLOCK_BYTES = 16;
const GCM_OPTIONS = { authTagLength: PARAMETER_TAG_BYTES } as const;

export interface CipherHandlers {
  readonly gcmEncrypt: Handler;
  readonly gcmDecrypt: Handler;
  readonly cbcEncrypt: Handler;
  readonly cbcDecrypt: Handler;
}

export function cipherHandlers(scratch: Scratch): CipherHandlers {
  return {
    gcmEncrypt: (job, outcome) => {
      if (job.destination.length < job.source.length) {
        outcome.status = OUTPUT_TOO_SMALL;
        return;
      }
      const cipher = createCipheriv('aes-256-gcm', keyOf(job), initialVector(job, GCM_IV_BYTES), GCM_OPTIONS);
      cipher.setAAD(job.auxiliary);
      const text = cipher.update(job.source);
      cipher.final(); // GCM's is empty; it computes the tag
      job.parameters.set(cipher.getAuthTag(), PARAMETER_TAG_OFFSET);
      deliver(text, job, outcome);
    },

    gcmDecrypt: (job, outcome) => {
      if (job.destination.length < job.source.length) {
        outcome.status = OUTPUT_TOO_SMALL;
        return;
      }
      const iv = initialVector(job, GCM_IV_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', keyOf(job), iv, GCM_OPTIONS);
      decipher.setAAD(Buffer.from(job.auxiliary));
      const tagEnd = PARAMETER_TAG_OFFSET + PARAMETER_TAG_BYTES;
      decipher.setAuthTag(job.parameters.subarray(PARAMETER_TAG_OFFSET, tagEnd));
      const text = decipher.update(privateSource(scratch, job));
      if (finish(decipher) === undefined) outcome.status = WRONG_TAG;
      else deliver(text, job, outcome);
      text.fill(0);
    },

    cbcEncrypt: (job, outcome) => {
      if (job.destination.length < cbcEncryptedBytes(job.source.length)) {
        outcome.status = OUTPUT_TOO_SMALL;
        return;
      }
      const cipher = createCipheriv('aes-256-cbc', keyOf(job), initialVector(job, PARAMETER_IV_BYTES));
      const head = cipher.update(job.source);
      deliver(Buffer.concat([head, cipher.final()]), job, outcome);
    },

    cbcDecrypt: (job, outcome) => {
      if (job.source.length === 0 || job.source.length % BLOCK_BYTES !== 0) {
        outcome.status = BAD_LENGTH;
        return;
      }
      const decipher = createDecipheriv('aes-256-cbc', keyOf(job), initialVector(job, PARAMETER_IV_BYTES));
      const head = decipher.update(privateSource(scratch, job));
      const tail = finish(decipher);
      if (tail === undefined) outcome.status = CORRUPT_INPUT;
      else if (head.length + tail.length > job.destination.length) outcome.status = OUTPUT_TOO_SMALL;
      else deliver(Buffer.concat([head, tail]), job, outcome);
    },
  };
}

function keyOf({ key }: Job): Buffer {
  return present(key, 'the key of the session');
}

function initialVector({ parameters }: Job, bytes: number): Buffer {
  return parameters.subarray(PARAMETER_IV_OFFSET, PARAMETER_IV_OFFSET + bytes);
}

function privateSource(scratch: Scratch, { source }: Job): Buffer {
  scratch.load(source);
  return scratch.loaded(source.length);
}

function deliver(text: Buffer, { destination }: Job, outcome: Outcome): void {
  destination.set(text);
  outcome.produced = text.length;
}

/** The last bytes; undefined if tag or padding is wrong, the only reason for which final() throws here. */
function finish(decipher: { final(): Buffer }): Buffer | undefined {
  try {
    return decipher.final();
  } catch {
    return undefined;
  }
}
