import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Session } from '../session.ts';

interface Choice {
  readonly file: string;
  /** By the user, who is told where it cannot be used. */
  readonly isNamed: boolean;
}

/**
 * Whose claims and pods volumes and mounts are compared with: a data directory's with those of its own API server, whatever
 * cluster the shell talks to – against another's, all of them would be orphans. Of other drivers and kubelets the shell knows more.
 */
export function chooseKubeconfig({
  options,
  terminal: { env },
}: Pick<Session, 'options' | 'terminal'>): Choice | undefined {
  const ownFile = join(options.dataDir, 'admin.kubeconfig');
  const own = existsSync(ownFile) ? { file: ownFile, isNamed: false } : undefined;
  const file = options.kubeconfig ?? (env['KUBECONFIG']?.split(':')[0] || undefined);
  const named = file === undefined ? undefined : { file, isNamed: true };
  const isElsewhere = (options.endpoint ?? (env['CSI_ENDPOINT'] || undefined) ?? options.kubeletDir) !== undefined;
  return options.kubeconfig !== undefined || isElsewhere ? (named ?? own) : (own ?? named);
}
