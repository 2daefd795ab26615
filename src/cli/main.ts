#!/usr/bin/env node
/** The command `understudy`. */
import { runCommandLine } from './program.ts';
import { standardTerminal } from './terminal.ts';

// The reader of a pipe may leave (understudy events | head): that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 74));

process.exit(await runCommandLine(process.argv.slice(2), standardTerminal));
