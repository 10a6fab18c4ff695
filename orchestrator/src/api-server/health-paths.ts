import { messageOf } from '@berth/kit';
import { decodedPath } from './request-info.ts';
import type { PathHandler } from './request-pipeline.ts';
import { type Answer, plainError, type ServerRequest, unsniffed } from './server-request.ts';

/** One condition of the server's health; throws with what is wrong. */
export interface HealthCheck {
  readonly name: string;
  /** Absent: of all three. */
  readonly only?: 'readyz';
  readonly check: () => void | Promise<void>;
}

/** Serves it all; the query is all it looks at of a request. */
export type HealthHandler = (
  segments: readonly string[],
  request: Pick<ServerRequest, 'query'> & Partial<Pick<ServerRequest, 'path'>>,
) => ReturnType<PathHandler>;

/** Hears of each check that was made because the whole was asked for. */
export type ObserveCheck = (name: string, root: string, passed: boolean) => void;

const roots = ['healthz', 'livez', 'readyz'];

/** `/healthz`, `/livez`, `/readyz`, whole or one check (`/readyz/etcd`), `?verbose` and `?exclude=` as upstream has them. */
export function healthPaths(checks: readonly HealthCheck[], observe?: ObserveCheck): HealthHandler {
  return (segments, { query, path = '' }) => {
    const [root = '', ...rest] = segments;
    // These are paths letter by letter.
    if (!roots.includes(root) || decodedPath(path).endsWith('/')) return undefined;
    const own = checks.filter(({ only }) => only === undefined || only === root);
    if (rest.length === 0) return wholeAnswer({ root, checks: own, observe }, query);
    const one = own.find(({ name }) => name === rest.join('/'));
    return one && oneAnswer(one);
  };
}

interface Whole {
  readonly root: string;
  readonly checks: readonly HealthCheck[];
  readonly observe: ObserveCheck | undefined;
}

async function wholeAnswer({ root, checks, observe }: Whole, query: URLSearchParams): Promise<Answer> {
  const excluded = new Set(query.getAll('exclude'));
  const lines = await Promise.all(
    checks.map(async (each) => {
      if (excluded.delete(each.name)) return `[+]${each.name} excluded: ok\n`;
      const passed = (await failureOf(each)) === undefined;
      observe?.(each.name, root, passed);
      return passed ? `[+]${each.name} ok\n` : `[-]${each.name} failed: reason withheld\n`;
    }),
  );
  if (excluded.size > 0) {
    const names = [...excluded].toSorted().map((name) => JSON.stringify(name));
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names.join(',')}\n`);
  }
  if (lines.some((line) => line.startsWith('[-]'))) return plainError(500, `${lines.join('')}${root} check failed\n`);
  const text = query.has('verbose') ? `${lines.join('')}${root} check passed\n` : 'ok';
  return { type: 'text', status: 200, text, headers: unsniffed };
}

async function oneAnswer(check: HealthCheck): Promise<Answer> {
  const failure = await failureOf(check);
  return failure === undefined
    ? { type: 'text', status: 200, text: 'ok' }
    : plainError(500, `internal server error: ${failure}\n`);
}

async function failureOf({ check }: HealthCheck): Promise<string | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
