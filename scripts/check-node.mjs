// One clear sentence instead of a strange failure on an old Node (`npm ci --ignore-scripts` leaves the shell's own).
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 12)) {
  console.error(
    `enhanced-integration needs Node 22.12 or newer, but this is ${process.versions.node}. Run "npm ci" (it brings Node 24 for the scripts), or install Node 24.`,
  );
  process.exit(1);
}
