// Plain JavaScript that any Node can run: it explains why the project's own Node is missing before something else fails.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Plinth's scripts run on the Node 24 that npm installs with the project, but this is Node ${process.versions.node}: ` +
      'its install script did not run. Fix: npm rebuild node (with npm 11 or newer), or npm ci without --ignore-scripts.',
  )
  process.exit(1)
}
