import type { User } from '../../user.ts';

const prefix = 'system:node:';

/** The node a user is; empty: a node without a name; undefined: no node (upstream's default node identifier). */
export function nodeOf({ name, groups }: User): string | undefined {
  return name.startsWith(prefix) && groups.includes('system:nodes') ? name.slice(prefix.length) : undefined;
}
