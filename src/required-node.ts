/** Says which Node is needed when an older one loads the package, before anything else of it runs. */

/** The first line of Node that has all that the package uses. `bin/mabeam.js` asks for the same. */
const NEEDED = [22, 18] as const;

refuseOldNode(process.versions.node);

function refuseOldNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return;
  throw new Error(
    `mabeam needs Node ${NEEDED.join('.')} or later, and is made for Node 24; this is Node ${version} (${process.execPath})`,
  );
}
