import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { builtGoProgram } from './go-program.ts';
import { testCache } from './made-once.ts';

/** Debian's, which scripts/setup.mjs installs. */
export const debianEtcd = '/usr/bin/etcd';

const newer = 'v3.6.5';
const name = `etcd-${newer}`;
const text = `package main

import (
\t"os"

\t"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
`;

/** A 3.6 that is there already, or, where `BERTH_ETCD_36=1` allows the minutes it takes, is built from its Go module. */
export function newerEtcd(): string | undefined {
  if (process.env['BERTH_ETCD_36'] !== '1' && !existsSync(join(testCache, name))) return undefined;
  return builtEtcd();
}

/** The 3.6 itself. @throws Error – there is no Go to build it with, or a module cannot be had. */
export function builtEtcd(): string {
  return builtGoProgram({ name, main: { text, modules: [`go.etcd.io/etcd/server/v3@${newer}`] } });
}
