#!/usr/bin/env node
// Plain JavaScript that an old Node reads, too: it says what is missing before anything else is loaded.
const wanted = [22, 18];
const version = process.versions.node;
const [major, minor] = version.split('.').map(Number);
if (major < wanted[0] || (major === wanted[0] && minor < wanted[1])) {
  process.stderr.write(
    'mabeam needs Node ' +
      wanted.join('.') +
      ' or later, and is made for Node 24; this is Node ' +
      version +
      ' (' +
      process.execPath +
      ').\n',
  );
  process.exitCode = 1;
} else {
  void import('../dist/cli.js');
}
