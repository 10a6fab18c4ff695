import { isRecord } from '@berth/kube';
import { aggregate } from '../../aggregate.ts';
import type { FieldError } from '../../resource-definition.ts';
import { duplicate, invalid } from '../../resources/field.ts';
import { dns1123Label, dns1123Subdomain } from '../../resources/names.ts';
import { levelOf, minorOf, modes, type SecurityPolicy } from './policy.ts';

/** What holds where a namespace's labels say nothing, and who is not looked at. */
export interface SecurityConfiguration {
  readonly defaults: SecurityPolicy;
  readonly exempt: Exemptions;
}

type Exemptions = Readonly<Record<(typeof exemptions)[number], ReadonlySet<string>>>;

const group = 'pod-security.admission.config.k8s.io';
const versions = ['v1', 'v1beta1', 'v1alpha1'].map((version) => `${group}/${version}`);
const exemptions = ['usernames', 'namespaces', 'runtimeClasses'] as const;
const known: Readonly<Record<string, readonly string[]>> = {
  defaults: modes.flatMap((mode) => [mode, `${mode}-version`]),
  exemptions,
};

/** What is wrong with a name that is exempt (pod-security-admission ValidatePodSecurityConfiguration). */
const complaints: Readonly<Record<(typeof exemptions)[number], (name: string) => readonly string[]>> = {
  namespaces: dns1123Label,
  runtimeClasses: dns1123Subdomain,
  usernames: (name) => (name === '' ? ['username must not be empty'] : []),
};

/** Reads a PodSecurityConfiguration; undefined: nothing is said. @throws RangeError – it is none, in upstream's words where it has them. */
export function securityConfigurationOf(value: unknown): SecurityConfiguration {
  const {
    apiVersion = versions[0],
    kind = 'PodSecurityConfiguration',
    ...parts
  } = recordOf(value, 'the configuration');
  if (!versions.includes(apiVersion as string) || kind !== 'PodSecurityConfiguration')
    throw refused(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
  const unknown = Object.keys(parts).filter((name) => !Object.hasOwn(known, name));
  for (const [part, names] of Object.entries(known))
    for (const name of Object.keys(recordOf(parts[part], part)))
      if (!names.includes(name)) unknown.push(`${part}.${name}`);
  if (unknown.length > 0)
    throw refused(`strict decoding error: ${unknown.map((name) => `unknown field "${name}"`).join(', ')}`);
  const errors: FieldError[] = [];
  const defaults = defaultsOf(recordOf(parts['defaults'], 'defaults'), errors);
  const exempt = exemptOf(recordOf(parts['exemptions'], 'exemptions'), errors);
  if (errors.length === 0) return { defaults, exempt };
  throw refused(aggregate(errors.map(({ field, message }) => `${field}: ${message}`)));
}

function defaultsOf(given: Record<string, unknown>, errors: FieldError[]): SecurityPolicy {
  const tell = (name: string) => (text: string, why: string) => errors.push(invalid(`defaults.${name}`, text, why));
  const read = (mode: (typeof modes)[number]) => ({
    level: levelOf(textOf(given[mode], `defaults.${mode}`) || 'privileged', tell(mode)) ?? 'privileged',
    minor: minorOf(textOf(given[`${mode}-version`], `defaults.${mode}-version`) || 'latest', tell(`${mode}-version`)),
  });
  return { enforce: read('enforce'), audit: read('audit'), warn: read('warn') };
}

function exemptOf(given: Record<string, unknown>, errors: FieldError[]): Exemptions {
  const read = (list: (typeof exemptions)[number]) => {
    const names = new Set<string>();
    const value = given[list] ?? [];
    if (!Array.isArray(value)) throw refused(`exemptions.${list} is no list`);
    for (const [i, each] of value.entries()) {
      const at = `exemptions.${list}[${i}]`;
      const name = textOf(each, at);
      const wrong = complaints[list](name);
      if (wrong.length > 0) errors.push(invalid(at, name, wrong.join(', ')));
      else if (names.has(name)) errors.push(duplicate(at, name));
      names.add(name);
    }
    return names;
  };
  const [namespaces, runtimeClasses, usernames] = [read('namespaces'), read('runtimeClasses'), read('usernames')];
  return { namespaces, runtimeClasses, usernames };
}

function recordOf(value: unknown, what: string): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (isRecord(value)) return value;
  throw refused(`${what} is no object`);
}

function textOf(value: unknown, at: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  throw refused(`${at} is no text`);
}

function refused(why: string): RangeError {
  return new RangeError(`couldn't init admission plugin "PodSecurity": ${why}`);
}
