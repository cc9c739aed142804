#!/usr/bin/env -S node --initial-old-space-size=256
import { runProgram } from './program.js';

// A reader that goes away (`millrace run … | head`) is no error of ours.
process.stdout.on('error', (thrown: NodeJS.ErrnoException) => {
  if (thrown.code === 'EPIPE') process.exit(0);
  throw thrown;
});

process.exitCode = await runProgram(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr });
