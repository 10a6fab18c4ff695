import { readFileSync } from 'node:fs';
import { messageOf } from '@berth/kit';
import { yamlValue } from '../decoding/yaml-work.ts';
import { dns1123Subdomain } from '../resources/names.ts';
import { type AuditPolicy, auditLevels, auditStages } from './audit-policy.ts';

const apiVersion = 'audit.k8s.io/v1';
const lists = ['users', 'userGroups', 'verbs', 'namespaces', 'nonResourceURLs', 'omitStages'] as const;

/** Reads `--audit-policy-file`. @throws RangeError – it is none; the words are upstream's where upstream has such. */
export function loadAuditPolicy(file: string): AuditPolicy {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new RangeError(`--audit-policy-file ${file} cannot be read: ${messageOf(error)}`);
  }
  try {
    return parseAuditPolicy(text);
  } catch (error) {
    throw new RangeError(`loading audit policy file: ${messageOf(error)}: from file ${file}`);
  }
}

/** @throws RangeError */
function parseAuditPolicy(text: string): AuditPolicy {
  const value = decoded(text);
  const errors = [
    ...stageErrors(value['omitStages'], 'omitStages'),
    ...[value['rules'] ?? []].flat().flatMap((rule, i) => ruleErrors(asRecord(rule, `rules[${i}]`), `rules[${i}]`)),
  ];
  if (errors.length > 0) throw new RangeError(errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`);
  const policy = value as unknown as AuditPolicy;
  if (!Array.isArray(policy.rules) || policy.rules.length === 0)
    throw new RangeError('loaded illegal policy with 0 rules');
  return policy;
}

function decoded(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = yamlValue(text);
  } catch (error) {
    throw new RangeError(`failed decoding: ${messageOf(error).split('\n')[0]}`);
  }
  const policy = asRecord(value, 'the policy');
  if (policy['apiVersion'] !== apiVersion || policy['kind'] !== 'Policy')
    throw new RangeError(
      `failed decoding: no kind ${JSON.stringify(policy['kind'] ?? '')} is registered for version ${JSON.stringify(policy['apiVersion'] ?? '')}`,
    );
  return policy;
}

function asRecord(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new RangeError(`failed decoding: ${what} is no object`);
}

function ruleErrors(rule: Record<string, unknown>, at: string): string[] {
  for (const name of lists) stringsOf(rule[name], `${at}.${name}`);
  const { level, resources = [] } = rule;
  const urls = stringsOf(rule['nonResourceURLs'], `${at}.nonResourceURLs`);
  const known = (auditLevels as readonly unknown[]).includes(level);
  const supported = auditLevels.map((each) => JSON.stringify(each)).join(', ');
  const isBoth =
    urls.length > 0 && ([resources].flat().length > 0 || stringsOf(rule['namespaces'], `${at}.namespaces`).length > 0);
  return [
    ...(level === undefined || level === '' ? [`${at}.level: Required value`] : []),
    ...(level && !known
      ? [`${at}.level: Unsupported value: ${JSON.stringify(level)}: supported values: ${supported}`]
      : []),
    ...urls.flatMap((url, i) => urlErrors(url, `${at}.nonResourceURLs[${i}]`)),
    ...[resources].flat().flatMap((each) => resourceErrors(asRecord(each, `${at}.resources`), `${at}.resources`)),
    ...stageErrors(rule['omitStages'], `${at}.omitStages`),
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

function resourceErrors(entry: Record<string, unknown>, at: string): string[] {
  const { group = '' } = entry;
  const names = stringsOf(entry['resourceNames'], `${at}.resourceNames`);
  const wrong = typeof group !== 'string' || (group !== '' && group !== '*' && dns1123Subdomain(group).length > 0);
  return [
    ...(wrong
      ? [`${at}.group: Invalid value: ${JSON.stringify(group)}: ${dns1123Subdomain(String(group)).join(',')}`]
      : []),
    ...(names.length > 0 && stringsOf(entry['resources'], `${at}.resources`).length === 0
      ? [
          `${at}.resourceNames: Invalid value: ${JSON.stringify(names)}: using resourceNames requires at least one resource`,
        ]
      : []),
  ];
}

function stageErrors(value: unknown, at: string): string[] {
  return stringsOf(value, at).flatMap((stage, i) =>
    (auditStages as readonly string[]).includes(stage)
      ? []
      : [`${at}[${i}]: Invalid value: ${JSON.stringify(stage)}: allowed stages are ${auditStages.join(',')}`],
  );
}

function stringsOf(value: unknown, at: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  throw new RangeError(`failed decoding: ${at} is no list of strings`);
}
