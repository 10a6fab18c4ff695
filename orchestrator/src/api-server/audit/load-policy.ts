import { readFileSync } from 'node:fs';
import { type Logger, messageOf } from '@berth/kit';
import { decodeObject, goQuote, isRecord } from '@berth/kube';
import { aggregate } from '../aggregate.ts';
import { configStruct } from '../configuration/config-schema.ts';
import { unreadableWords } from '../configuration/read-file-text.ts';
import { notAnObject, notRegistered, typeMetaComplaint } from '../decoding/type-meta.ts';
import { yamlValue } from '../decoding/yaml-work.ts';
import { dns1123Subdomain } from '../resources/names.ts';
import { type AuditPolicy, auditLevels, auditStages } from './audit-policy.ts';

const apiVersion = 'audit.k8s.io/v1';
const texts = ['string'] as const;
const struct = configStruct('v1');
const policySchema = struct('Policy', {
  apiVersion: 'string',
  kind: 'string',
  rules: [
    struct('PolicyRule', {
      level: 'string',
      users: texts,
      userGroups: texts,
      verbs: texts,
      resources: [struct('GroupResources', { group: 'string', resources: texts, resourceNames: texts })],
      namespaces: texts,
      nonResourceURLs: texts,
      omitStages: texts,
      omitManagedFields: 'boolean',
    }),
  ],
  omitStages: texts,
  omitManagedFields: 'boolean',
});

type Decoded = Omit<AuditPolicy, 'rules'> & { readonly rules?: readonly Rule[] };
type Rule = Omit<AuditPolicy['rules'][number], 'level'> & { readonly level?: string };
type Resources = NonNullable<Rule['resources']>[number];

/** Reads `--audit-policy-file`. @throws RangeError – it is none; the words are upstream's where upstream has such. */
export function loadAuditPolicy(file: string, log: Pick<Logger, 'warn'>): AuditPolicy {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const why = `failed to read file path ${goQuote(file)}: ${unreadableWords(file, error)}`;
    throw new RangeError(`loading audit policy file: ${why}`);
  }
  try {
    return parseAuditPolicy(text, (unknown) => log.warn('fields of the audit policy are unknown', { file, unknown }));
  } catch (error) {
    throw new RangeError(`loading audit policy file: ${messageOf(error)}: from file ${file}`);
  }
}

/** @throws RangeError */
function parseAuditPolicy(text: string, warn: (unknown: readonly string[]) => void): AuditPolicy {
  const { rules = [], ...policy } = decoded(text, warn);
  const errors = [
    ...stageErrors(policy.omitStages, 'omitStages'),
    ...rules.flatMap((rule, i) => ruleErrors(rule, `rules[${i}]`)),
  ];
  if (errors.length > 0) throw new RangeError(aggregate(errors));
  if (rules.length === 0) throw new RangeError('loaded illegal policy with 0 rules');
  return { ...policy, rules: rules as AuditPolicy['rules'] };
}

/** What it should not have is passed over and warned of, as by upstream: a rule without what was misspelt is about more. */
function decoded(text: string, warn: (unknown: readonly string[]) => void): Decoded {
  try {
    const value = yamlValue(text) ?? {};
    if (!isRecord(value)) throw new RangeError(notAnObject(value));
    const wrong = typeMetaComplaint(value);
    if (wrong !== undefined) throw new RangeError(wrong);
    const { kind, apiVersion: given } = value as Readonly<Record<string, string | undefined>>;
    if (given && (given !== apiVersion || (kind && kind !== 'Policy')))
      throw new RangeError(notRegistered(kind ?? '', given));
    const { object, unknownFields } = decodeObject(policySchema, value);
    if (unknownFields.length > 0) warn(unknownFields);
    if (given) return object as Decoded;
  } catch (error) {
    throw new RangeError(`failed decoding: ${messageOf(error).split('\n')[0]}`);
  }
  throw new RangeError('unknown group version field audit.k8s.io/__internal, Kind=Policy in policy');
}

function ruleErrors(rule: Rule, at: string): string[] {
  const { level = '', resources = [], nonResourceURLs: urls = [], namespaces = [] } = rule;
  const known = (auditLevels as readonly string[]).includes(level);
  const supported = auditLevels.map((each) => JSON.stringify(each)).join(', ');
  const isBoth = urls.length > 0 && (resources.length > 0 || namespaces.length > 0);
  return [
    ...(level === '' ? [`${at}.level: Required value`] : []),
    ...(level !== '' && !known
      ? [`${at}.level: Unsupported value: ${JSON.stringify(level)}: supported values: ${supported}`]
      : []),
    ...urls.flatMap((url, i) => urlErrors(url, `${at}.nonResourceURLs[${i}]`)),
    ...resources.flatMap((each) => resourceErrors(each, `${at}.resources`)),
    ...stageErrors(rule.omitStages, `${at}.omitStages`),
    ...(isBoth
      ? [
          `${at}.nonResourceURLs: Invalid value: ${JSON.stringify(urls)}: rules cannot apply to both regular resources and non-resource URLs`,
        ]
      : []),
  ];
}

function urlErrors(url: string, at: string): string[] {
  if (url === '*') return [];
  const invalid = (why: string) => `${at}: Invalid value: ${JSON.stringify(url)}: ${why}`;
  return [
    ...(url.startsWith('/') ? [] : [invalid("non-resource URL rules must begin with a '/' character")]),
    ...(url.slice(0, -1).includes('*')
      ? [invalid("non-resource URL wildcards '*' must be the final character of the rule")]
      : []),
  ];
}

function resourceErrors({ group = '', resources = [], resourceNames = [] }: Resources, at: string): string[] {
  const wrong = group === '' || group === '*' ? [] : dns1123Subdomain(group);
  return [
    ...(wrong.length > 0 ? [`${at}.group: Invalid value: ${JSON.stringify(group)}: ${wrong.join(',')}`] : []),
    ...(resourceNames.length > 0 && resources.length === 0
      ? [
          `${at}.resourceNames: Invalid value: ${JSON.stringify(resourceNames)}: using resourceNames requires at least one resource`,
        ]
      : []),
  ];
}

function stageErrors(stages: readonly string[] = [], at: string): string[] {
  return stages.flatMap((stage, i) =>
    (auditStages as readonly string[]).includes(stage)
      ? []
      : [`${at}[${i}]: Invalid value: ${JSON.stringify(stage)}: allowed stages are ${auditStages.join(',')}`],
  );
}
