import { type Clock, rfc3339 } from '@berth/kit';
import { writeYaml } from '../decoding/yaml-text.ts';
import { versionInfo } from '../discovery/version.ts';
import { notAcceptable, structuredFormOf } from '../representation/negotiate.ts';
import { decodedPath } from '../request-info.ts';
import type { PathHandler } from '../request-pipeline.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import type { DebugOptions } from './debug-options.ts';

const versions = ['v1beta1', 'v1alpha1'];
const warning =
  'This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.';

interface Page {
  readonly name: 'flagz' | 'statusz';
  readonly kind: 'Flagz' | 'Statusz';
  /** As people read it. */
  readonly lines: readonly string[];
  readonly fields: object;
}

/** `/flagz` and `/statusz`: flags, versions and age, in words or as config.k8s.io has them (component-base zpages). */
export function zPages(clock: Clock, { flags }: DebugOptions): PathHandler {
  const startedMs = clock.now() - process.uptime() * 1000;
  return (_segments, request) => {
    const path = decodedPath(request.path);
    if (path === '/flagz') return shown(flagz(flags), request);
    return path === '/statusz' ? shown(statusz(startedMs, clock.now()), request) : undefined;
  };
}

function flagz(all: DebugOptions['flags']): Page {
  const sorted = Object.entries(all).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const lines = sorted.map(([name, value]) => `${name}:${value}`);
  return { name: 'flagz', kind: 'Flagz', lines, fields: { flags: Object.fromEntries(sorted) } };
}

function statusz(startedMs: number, nowMs: number): Page {
  const uptimeSeconds = Math.floor((nowMs - startedMs) / 1000);
  const { goVersion, emulationMajor, emulationMinor } = versionInfo;
  const version = `${emulationMajor}.${emulationMinor}`;
  const paths = ['/flagz', '/healthz', '/livez', '/metrics', '/readyz', '/statusz', '/version'];
  const startTime = rfc3339(startedMs);
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.floor(uptimeSeconds / 60);
  const lines = [
    '',
    `Started: ${startTime}`,
    `Up: ${Math.floor(minutes / 60)} hr ${two(minutes % 60)} min ${two(uptimeSeconds % 60)} sec`,
    `Go version: ${goVersion}`,
    `Binary version: ${version}`,
    `Emulation version: ${version}`,
    `Paths: ${paths.join(' ')}`,
  ];
  const fields = { startTime, uptimeSeconds, goVersion, binaryVersion: version, emulationVersion: version, paths };
  return { name: 'statusz', kind: 'Statusz', lines, fields };
}

async function shown({ name, kind, lines, fields }: Page, request: ServerRequest): Promise<Answer> {
  const form = structuredFormOf(request.accept, kind, versions);
  if (!form) throw notAcceptable('application/json, application/yaml, text/plain');
  if (form === 'text')
    return { type: 'text', status: 200, text: `\napiserver ${name}\nWarning: ${warning}\n${lines.join('\n')}\n` };
  const { format, version } = form;
  if (version !== versions[0])
    request.warn(`This version of the ${name} endpoint is deprecated. Please use a newer version.`);
  const json = JSON.stringify({
    kind,
    apiVersion: `config.k8s.io/${version}`,
    metadata: { name: 'apiserver' },
    ...fields,
  });
  const body = Buffer.from(format === 'yaml' ? await writeYaml(json, request.signal) : json);
  const contentType = `application/${format};g=config.k8s.io;v=${version};as=${kind}`;
  return { type: 'document', status: 200, body, headers: { 'content-type': contentType } };
}
