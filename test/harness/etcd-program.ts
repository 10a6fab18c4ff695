import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { builtGoProgram } from './go-program.ts';
import { testCache } from './made-once.ts';

/** Debian's, which scripts/setup.mjs installs. */
export const debianEtcd = '/usr/bin/etcd';

/** The last of each, as Go modules. */
const versions = { '3.5': 'v3.5.21', '3.6': 'v3.6.5' } as const;
const text = `package main

import (
\t"os"

\t"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
`;

/**
 * Debian's 3.4, and newer ones by their versions: a 3.6 that is there already, or is built from its Go module where `BERTH_ETCD_36=1`
 * allows the minutes it takes; a 3.5, between both, only where `BERTH_ETCD_35=1` asks for it.
 */
export function etcdPrograms(): Readonly<Record<string, string>> {
  const isAsked = (name: string) => process.env[name] === '1';
  const isThere = existsSync(join(testCache, nameOf('3.6')));
  return {
    '3.4': debianEtcd,
    ...(isAsked('BERTH_ETCD_35') ? { '3.5': built('3.5') } : {}),
    ...(isThere || isAsked('BERTH_ETCD_36') ? { '3.6': built('3.6') } : {}),
  };
}

/** The 3.6 itself. @throws Error – there is no Go to build it with, or a module cannot be had. */
export function builtEtcd(): string {
  return built('3.6');
}

function built(version: keyof typeof versions): string {
  const modules = [`go.etcd.io/etcd/server/v3@${versions[version]}`];
  return builtGoProgram({ name: nameOf(version), main: { text, modules } });
}

function nameOf(version: keyof typeof versions): string {
  return `etcd-${versions[version]}`;
}
