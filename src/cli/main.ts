#!/usr/bin/env node
// warpctl: the command line of WarpDrive. Reads the arguments, runs a command, and turns whatever becomes of it into an
// exit code.

import { CommanderError } from 'commander';
import { WarpError } from '../client/index.ts';
import { exitCode, exitCodeOf } from './exit-codes.ts';
import { output, program } from './program.ts';

function endWith(error: unknown): void {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return;
    process.exitCode = exitCode('usage');
    if (!output.isJson) return;
    const isHelp = error.code === 'commander.help';
    const found = isHelp ? 'no command is given' : error.message.replace(/^error: /, '');
    const hint = '"warpctl --help" tells more';
    output.fail(new WarpError('INVALID_ARGUMENT', { operation: 'read the command line', found, hint }));
  } else if (error instanceof WarpError) {
    process.exitCode = error.code === 'INVALID_ARGUMENT' ? exitCode('usage') : exitCodeOf(error.code);
    output.fail(error);
  } else {
    throw error;
  }
}

/** Ends at once: whatever else could be done has nowhere to go. */
function endWithoutStdout(error: NodeJS.ErrnoException): void {
  // "warpctl devices | head -1": the rest is nobody's concern.
  if (error.code === 'EPIPE') process.exit(exitCode('brokenPipe'));
  const details = { operation: 'write to standard output', found: error.message, hint: 'see where it goes' };
  output.complain(new WarpError('SYSTEM_CALL', details));
  process.exit(exitCode('failed'));
}

process.stdout.on('error', endWithoutStdout);
await program.parseAsync().catch(endWith);
