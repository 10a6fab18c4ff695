import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { messageOf } from '@berth/kit';
import { isRecord, type ObjectSchema } from '@berth/kube';
import { configStruct } from '../configuration/config-schema.ts';
import { type ConfigurationForm, readConfiguration } from '../configuration/read-configuration.ts';
import { unreadableWords } from '../configuration/read-file-text.ts';
import { yamlValue } from '../decoding/yaml-work.ts';
import { isAdmissionPlugin } from './plugin-names.ts';

/** What plugins are told beside their names (`--admission-control-config-file`), by the plugin's name: a text of YAML or JSON. */
export type AdmissionConfiguration = ReadonlyMap<string, string>;

interface AdmissionFile {
  readonly plugins?: readonly { readonly name?: string; readonly path?: string; readonly configuration?: unknown }[];
}

const admissionForm: ConfigurationForm = {
  kind: 'AdmissionConfiguration',
  versions: ['v1', 'v1alpha1'],
  formerly: [{ apiVersion: 'apiserver.k8s.io/v1alpha1', kind: 'AdmissionConfiguration' }],
  schema: admissionSchema,
};

function admissionSchema(version: string): ObjectSchema {
  const struct = configStruct(version);
  const plugin = struct('AdmissionPluginConfiguration', { name: 'string', path: 'string', configuration: 'any' });
  return struct('AdmissionConfiguration', { apiVersion: 'string', kind: 'string', plugins: [plugin] });
}

/**
 * Reads an AdmissionConfiguration of apiserver.config.k8s.io; a plugin's part is there, or in a file of its own
 * beside it. A file of PodNodeSelector's configuration alone is read, too (admission ReadAdmissionConfiguration).
 * @throws RangeError – it is none, in upstream's words.
 */
export function loadAdmissionConfiguration(file: string): AdmissionConfiguration {
  const text = read(file, (why) => refused(`unable to read admission control configuration from "${file}" [${why}]`));
  const { plugins = [] } = fileOf(text);
  return new Map(
    plugins.flatMap(({ name = '', path = '', configuration }) => {
      if (!isAdmissionPlugin(name)) throw refused(`admission plugin ${JSON.stringify(name)} is unknown`);
      if (configuration !== undefined && configuration !== null) return [[name, JSON.stringify(configuration)]];
      if (path === '') return [];
      const own = resolve(dirname(file), path);
      return [[name, read(own, (why) => refused(`Couldn't open admission plugin configuration ${own}: ${why}`))]];
    }),
  );
}

function fileOf(text: string): AdmissionFile {
  try {
    if (isOfPodNodeSelector(yamlValue(text)))
      return { plugins: [{ name: 'PodNodeSelector', configuration: yamlValue(text) }] };
    return readConfiguration(text, admissionForm);
  } catch (error) {
    throw refused(`failed to read plugin config: ${messageOf(error)}`);
  }
}

function isOfPodNodeSelector(value: unknown): boolean {
  return isRecord(value) && !('kind' in value) && 'podNodeSelectorPluginConfig' in value;
}

function read(file: string, refuse: (why: string) => RangeError): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw refuse(unreadableWords(file, error));
  }
}

function refused(why: string): RangeError {
  return new RangeError(`--admission-control-config-file: ${why}`);
}
