/** The Kubernetes whose API this server speaks; `+berth` tells that it is not upstream's build. */
export const versionInfo = {
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '35',
  gitVersion: 'v1.36.3+berth',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '2026-11-20T00:00:00Z',
  goVersion: 'none',
  compiler: 'node',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
} as const;

/** Of what documents of OpenAPI are. */
export const documentInfo = { title: 'Kubernetes', version: `${versionInfo.major}.${versionInfo.minor}` } as const;
