import { configStruct } from '../../configuration/config-schema.ts';
import type { ConfigurationForm } from '../../configuration/read-configuration.ts';
import type { FieldError } from '../../resource-definition.ts';
import { duplicate, invalid } from '../../resources/field.ts';
import { dns1123Label, dns1123Subdomain } from '../../resources/names.ts';
import { readPluginConfiguration, refuseFields } from '../plugin-configuration.ts';
import { levelOf, minorOf, modes, type SecurityPolicy } from './policy.ts';

/** What holds where a namespace's labels say nothing, and who is not looked at. */
export interface SecurityConfiguration {
  readonly defaults: SecurityPolicy;
  readonly exempt: Exemptions;
}

type Exemptions = Readonly<Record<(typeof exemptions)[number], ReadonlySet<string>>>;

const plugin = 'PodSecurity';
const exemptions = ['usernames', 'namespaces', 'runtimeClasses'] as const;

const securityForm: ConfigurationForm = {
  group: 'pod-security.admission.config.k8s.io',
  kind: 'PodSecurityConfiguration',
  versions: ['v1', 'v1beta1', 'v1alpha1'],
  schema: (version) => {
    const struct = configStruct(version);
    const levels = modes.flatMap((mode) => [mode, `${mode}-version`]).map((name) => [name, 'string'] as const);
    return struct('PodSecurityConfiguration', {
      apiVersion: 'string',
      kind: 'string',
      defaults: struct('PodSecurityDefaults', Object.fromEntries(levels)),
      exemptions: struct('PodSecurityExemptions', Object.fromEntries(exemptions.map((list) => [list, ['string']]))),
    });
  },
};

/** What is wrong with a name that is exempt (pod-security-admission ValidatePodSecurityConfiguration). */
const complaints: Readonly<Record<(typeof exemptions)[number], (name: string) => readonly string[]>> = {
  namespaces: dns1123Label,
  runtimeClasses: dns1123Subdomain,
  usernames: (name) => (name === '' ? ['username must not be empty'] : []),
};

interface SecurityFile {
  readonly defaults?: Readonly<Record<string, string>>;
  readonly exemptions?: { readonly [list in (typeof exemptions)[number]]?: readonly string[] };
}

/** Reads a PodSecurityConfiguration; undefined: nothing is said. @throws RangeError – it is none, in upstream's words. */
export function securityConfigurationOf(text: string | undefined): SecurityConfiguration {
  const file: SecurityFile = text ? readPluginConfiguration(plugin, text, securityForm) : {};
  const errors: FieldError[] = [];
  const defaults = defaultsOf(file.defaults ?? {}, errors);
  const exempt = exemptOf(file.exemptions ?? {}, errors);
  refuseFields(plugin, errors);
  return { defaults, exempt };
}

function defaultsOf(given: Readonly<Record<string, string>>, errors: FieldError[]): SecurityPolicy {
  const tell = (name: string) => (text: string, why: string) => errors.push(invalid(`defaults.${name}`, text, why));
  const read = (mode: (typeof modes)[number]) => ({
    level: levelOf(given[mode] || 'privileged', tell(mode)) ?? 'privileged',
    minor: minorOf(given[`${mode}-version`] || 'latest', tell(`${mode}-version`)),
  });
  return { enforce: read('enforce'), audit: read('audit'), warn: read('warn') };
}

function exemptOf(given: NonNullable<SecurityFile['exemptions']>, errors: FieldError[]): Exemptions {
  const read = (list: (typeof exemptions)[number]) => {
    const names = new Set<string>();
    for (const [i, name] of (given[list] ?? []).entries()) {
      const at = `exemptions.${list}[${i}]`;
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
