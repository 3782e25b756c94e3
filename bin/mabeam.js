#!/usr/bin/env node
// Plain JavaScript that an old Node reads, too: it says what is missing before anything else is loaded.
const wanted = 24;
const version = process.versions.node;
if (Number(version.split('.')[0]) < wanted && !process.versions.bun) {
  process.stderr.write(
    'mabeam needs Node ' + wanted + ' or later; this is Node ' + version + ' (' + process.execPath + ').\n',
  );
  process.exitCode = 1;
} else {
  void import('../dist/cli.js');
}
