import type { PathHandler } from './request-pipeline.ts';
import type { Answer } from './server-request.ts';

/** One condition of the server's health; throws with what is wrong. */
export interface HealthCheck {
  readonly name: string;
  readonly check: () => void | Promise<void>;
}

const roots = ['healthz', 'livez', 'readyz'];

/** `/healthz`, `/livez`, `/readyz`, whole or one check (`/readyz/etcd`), `?verbose` and `?exclude=` as upstream has them. */
export function healthPaths(checks: readonly HealthCheck[]): PathHandler {
  return async (segments, request) => {
    const [root = '', name, ...more] = segments;
    if (!roots.includes(root) || more.length > 0) return undefined;
    const excluded = new Set(request.query.getAll('exclude'));
    const asked = checks.filter((each) => (name === undefined ? !excluded.has(each.name) : each.name === name));
    if (name !== undefined && asked.length === 0) return undefined;
    const results = await Promise.all(asked.map(async (each) => ({ name: each.name, healthy: await holds(each) })));
    return healthAnswer(root, results, request.query.has('verbose'));
  };
}

function healthAnswer(root: string, results: readonly { name: string; healthy: boolean }[], verbose: boolean): Answer {
  const healthy = results.every((each) => each.healthy);
  const lines = results.map((each) =>
    each.healthy ? `[+]${each.name} ok\n` : `[-]${each.name} failed: reason withheld\n`,
  );
  if (!healthy) return { type: 'text', status: 500, text: `${lines.join('')}${root} check failed\n` };
  return { type: 'text', status: 200, text: verbose ? `${lines.join('')}${root} check passed\n` : 'ok' };
}

async function holds({ check }: HealthCheck): Promise<boolean> {
  try {
    await check();
    return true;
  } catch {
    return false;
  }
}
