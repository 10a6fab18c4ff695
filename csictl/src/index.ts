/** csictl as a library, for its program and for tests. */
export { runCli } from './cli.ts';
export type { Terminal } from './terminal.ts';
