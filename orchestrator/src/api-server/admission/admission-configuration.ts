import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { messageOf } from '@berth/kit';
import { yamlValue } from '../decoding/yaml-work.ts';
import { isAdmissionPlugin } from './plugin-names.ts';

/** What plugins are told beside their names (`--admission-control-config-file`), by the plugin's name. */
export type AdmissionConfiguration = ReadonlyMap<string, unknown>;

/**
 * Reads an AdmissionConfiguration of apiserver.config.k8s.io/v1; a plugin's part is there, or in a file of its own
 * beside it.
 * @throws RangeError – it is none.
 */
export function loadAdmissionConfiguration(file: string): AdmissionConfiguration {
  const value = recordOf(read(file), file);
  const { apiVersion, kind, plugins = [] } = value;
  const versions = ['apiserver.config.k8s.io/v1', 'apiserver.config.k8s.io/v1alpha1', 'apiserver.k8s.io/v1alpha1'];
  if (!versions.includes(apiVersion as string) || kind !== 'AdmissionConfiguration')
    throw refused(
      file,
      `no kind ${JSON.stringify(kind ?? '')} is registered for version ${JSON.stringify(apiVersion ?? '')}`,
    );
  return new Map(
    [plugins].flat().map((each) => {
      const { name, path, configuration } = recordOf(each, file);
      if (typeof name !== 'string' || !isAdmissionPlugin(name))
        throw refused(file, `admission plugin ${JSON.stringify(name ?? '')} is unknown`);
      if (configuration !== undefined && configuration !== null) return [name, configuration];
      return [name, typeof path === 'string' && path !== '' ? read(resolve(dirname(file), path)) : undefined];
    }),
  );
}

function read(file: string): unknown {
  try {
    return yamlValue(readFileSync(file, 'utf8'));
  } catch (error) {
    throw refused(file, messageOf(error).split('\n')[0] ?? '');
  }
}

function recordOf(value: unknown, file: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw refused(file, 'it holds no object');
}

function refused(file: string, why: string): RangeError {
  return new RangeError(
    `--admission-control-config-file: unable to read admission control configuration from "${file}" [${why}]`,
  );
}
