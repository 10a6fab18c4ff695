import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { messageOf } from '@berth/kit';
import { isRecord, type ObjectSchema } from '@berth/kube';
import { pluginRefused, readPluginConfiguration, refuseFields } from '../../admission/plugin-configuration.ts';
import { configStruct } from '../../configuration/config-schema.ts';
import type { ConfigurationForm } from '../../configuration/read-configuration.ts';
import { readFileText, unreadableWords } from '../../configuration/read-file-text.ts';
import { notAnObject } from '../../decoding/type-meta.ts';
import { yamlValue } from '../../decoding/yaml-work.ts';
import { forbidden, invalid } from '../../resources/field.ts';
import { CallError } from '../call-error.ts';
import type { WebhookClientConfig, WebhookIdentity } from '../webhook-client.ts';

type Fields = Readonly<Record<string, unknown>>;

/** As whom the server asks a webhook. @throws CallError – what says so cannot be used; words as upstream's. */
export type HookIdentities = (config: WebhookClientConfig) => Promise<WebhookIdentity>;

const webhookForm: ConfigurationForm = {
  kind: 'WebhookAdmissionConfiguration',
  versions: ['v1'],
  schema: webhookSchema,
};

function webhookSchema(version: string): ObjectSchema {
  const fields = {
    apiVersion: 'string',
    kind: 'string',
    kubeConfigFile: 'string',
    staticManifestsDir: 'string',
  } as const;
  return configStruct(version)('WebhookAdmission', fields);
}

/**
 * Reads a plugin's WebhookAdmissionConfiguration: the users of its kubeconfig file are named for the webhooks they are for
 * (apiserver util/webhook defaultAuthenticationInfoResolver). Undefined: the server asks as nobody.
 * @throws RangeError – it cannot be used, in upstream's words
 */
export function hookIdentitiesOf(plugin: string, text: string | undefined): HookIdentities | undefined {
  if (text === undefined) return undefined;
  const { kubeConfigFile = '', staticManifestsDir = '' } = readPluginConfiguration(plugin, text, webhookForm) as {
    kubeConfigFile?: string;
    staticManifestsDir?: string;
  };
  if (kubeConfigFile !== '' && !kubeConfigFile.startsWith('/'))
    refuseFields(plugin, [invalid('kubeConfigFile', kubeConfigFile, 'must be an absolute file path')]);
  const gate = 'staticManifestsDir requires the ManifestBasedAdmissionControlConfig feature gate to be enabled';
  if (staticManifestsDir !== '') refuseFields(plugin, [forbidden('staticManifestsDir', gate)]);
  if (kubeConfigFile === '') return undefined;
  const kubeconfig = kubeconfigOf(plugin, kubeConfigFile);
  const users = entriesOf(kubeconfig, 'users', 'user');
  const context = entriesOf(kubeconfig, 'contexts', 'context').get(String(kubeconfig['current-context'] ?? ''));
  const usual = users.get('*') ?? users.get(String(context?.['user'] ?? ''));
  return async (config) => {
    const user =
      namesFor(hostOf(config))
        .map((name) => users.get(name))
        .find((each) => each !== undefined) ?? usual;
    return user === undefined ? {} : await identityOf(user, dirname(kubeConfigFile));
  };
}

function kubeconfigOf(plugin: string, path: string): Fields {
  let text: string;
  try {
    statSync(path);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw pluginRefused(plugin, unreadableWords(path, error));
  }
  try {
    const value = yamlValue(text) ?? {};
    if (isRecord(value)) return value;
    throw new Error(notAnObject(value));
  } catch (error) {
    throw pluginRefused(plugin, `error loading config file ${JSON.stringify(path)}: ${messageOf(error)}`);
  }
}

function entriesOf(kubeconfig: Fields, list: string, item: string): ReadonlyMap<string, Fields> {
  const entries = [kubeconfig[list] ?? []].flat().filter(isRecord);
  return new Map(entries.map((each) => [String(each['name']), isRecord(each[item]) ? each[item] : {}]));
}

/** `HOST:PORT`, whichever way the webhook is named. */
function hostOf({ url, service }: WebhookClientConfig): string {
  if (service) return `${service.name}.${service.namespace}.svc:${service.port ?? 443}`;
  if (url === undefined || !URL.canParse(url)) return '';
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || '443'}`;
}

/** The names of a webhook's user, the closest first: its own, then `*.` and what is behind one more point; of the usual port also without it. */
function namesFor(host: string): string[] {
  const steps = host.split('.');
  const names = [host, ...steps.slice(1).map((_, i) => `*.${steps.slice(i + 1).join('.')}`)];
  return host.endsWith(':443') ? [...names, ...namesFor(host.slice(0, -':443'.length))] : names;
}

/** Files are read at each call: they are changed in place. */
async function identityOf(user: Fields, folder: string): Promise<WebhookIdentity> {
  const unusable = (why: string) => new CallError(`could not get REST client: ${why}`);
  const text = (key: string) => (typeof user[key] === 'string' ? (user[key] as string) : '');
  const fileOf = (path: string) =>
    readFileText(resolve(folder, path)).catch((error: unknown) => {
      throw unusable(messageOf(error));
    });
  const dataOrFile = async (key: string) => {
    if (text(`${key}-data`) !== '') return Buffer.from(text(`${key}-data`), 'base64').toString();
    return text(key) === '' ? '' : await fileOf(text(key));
  };
  if (isRecord(user['auth-provider'])) throw unusable('auth provider not supported');
  if (isRecord(user['exec']))
    throw unusable('users with an exec plugin are not supported; use a token or a client certificate');
  const token = text('token') || (text('tokenFile') === '' ? '' : (await fileOf(text('tokenFile'))).trim());
  const isNamed = text('username') !== '' || text('password') !== '';
  if (token !== '' && isNamed) throw unusable('username/password or bearer token may be set, but not both');
  const [cert, key] = [await dataOrFile('client-certificate'), await dataOrFile('client-key')];
  const basic = Buffer.from(`${text('username')}:${text('password')}`).toString('base64');
  return {
    ...(cert === '' || key === '' ? {} : { cert, key }),
    headers: {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(isNamed ? { authorization: `Basic ${basic}` } : {}),
      ...impersonation(user),
    },
  };
}

function impersonation(user: Fields): Record<string, string | string[]> {
  if (typeof user['as'] !== 'string' || user['as'] === '') return {};
  const lists = isRecord(user['as-user-extra']) ? Object.entries(user['as-user-extra']) : [];
  const extra = lists.map(([key, values]) => [
    `impersonate-extra-${encodeURIComponent(key)}`,
    [values].flat().map(String),
  ]);
  return {
    'impersonate-user': user['as'],
    ...(typeof user['as-uid'] === 'string' ? { 'impersonate-uid': user['as-uid'] } : {}),
    ...(Array.isArray(user['as-groups']) ? { 'impersonate-group': user['as-groups'].map(String) } : {}),
    ...Object.fromEntries(extra),
  };
}
