import { messageOf } from '@berth/kit';
import { aggregate } from '../aggregate.ts';
import { readConfiguration } from '../configuration/read-configuration.ts';
import type { FieldError } from '../resource-definition.ts';
import { duplicate, invalid, notSupportedPlain, required } from '../resources/field.ts';
import { dns1123Subdomain } from '../resources/names.ts';
import type { NamedAuthorizer } from './authorization-options.ts';
import { type AuthorizationFile, type AuthorizerFields, authorizationForm } from './configuration-schema.ts';
import { type AuthorizationMode, authorizationModes } from './modes.ts';
import { webhookOf } from './webhook-configuration.ts';

/** What has to be there from the start on. */
const lasting: ReadonlySet<AuthorizationMode> = new Set(['Node', 'ABAC', 'RBAC']);

/** The authorizers of a file, in order. `before`: those of the start, of which none but webhooks may go; none of {@link lasting} may come. @throws RangeError – in upstream's words. */
export function parseAuthorizationConfiguration(
  text: string,
  before?: readonly NamedAuthorizer[],
): readonly NamedAuthorizer[] {
  const errors: FieldError[] = [];
  const authorizers = checked(fileOf(text).authorizers ?? [], errors);
  if (errors.length > 0) throw new RangeError(aggregate(errors.map(({ field, message }) => `${field}: ${message}`)));
  const own = authorizers.filter(({ type }) => type !== 'Webhook');
  const types = new Set(own.map(({ type }) => type));
  const missing = (before ?? []).filter(({ type }) => type !== 'Webhook' && !types.has(type)).map(({ type }) => type);
  const wrong = [
    ...own
      .filter(({ type, name }) => name !== type.toLowerCase())
      .map(({ type, name }) => `expected name ${type.toLowerCase()} for authorizer ${type} instead of ${name}`),
    ...(missing.length > 0 ? [`missing required types: [${missing.sort().join(' ')}]`] : []),
  ];
  if (wrong.length > 0) throw new RangeError(aggregate(wrong));
  const added = before && own.find(({ type }) => lasting.has(type) && !before.some((one) => one.type === type));
  if (added)
    throw new RangeError(
      `authorizer type ${added.type} is not allowed if it was not enabled at initial server startup`,
    );
  return authorizers;
}

function fileOf(text: string): AuthorizationFile {
  // Of an empty file upstream reads a configuration without authorizers.
  if (text === '') return {};
  try {
    return readConfiguration(text, authorizationForm);
  } catch (error) {
    throw notLoaded(error);
  }
}

function notLoaded(error: unknown): RangeError {
  return new RangeError(`failed to load AuthorizationConfiguration from file: ${messageOf(error)}`);
}

function checked(authorizers: readonly AuthorizerFields[], errors: FieldError[]): NamedAuthorizer[] {
  if (authorizers.length === 0) errors.push(required('authorizers', 'at least one authorization mode must be defined'));
  const [types, names] = [new Set<string>(), new Set<string>()];
  return authorizers.flatMap(({ type = '', name = '', webhook }, i): NamedAuthorizer[] => {
    const at = `authorizers[${i}]`;
    const problem = typeError(type, `${at}.type`, types);
    if (problem) {
      errors.push(problem);
      return [];
    }
    types.add(type);
    errors.push(...nameErrors(name, `${at}.name`, names));
    names.add(name);
    const mode = type as AuthorizationMode;
    if (mode !== 'Webhook') {
      if (webhook) errors.push(invalid(`${at}.webhook`, 'non-null', 'may only be specified when type=Webhook'));
      return [{ type: mode, name }];
    }
    if (webhook) return [{ type: mode, name, webhook: settingsOf(webhook, at, errors) }];
    errors.push(required(`${at}.webhook`, 'required when type=Webhook'));
    return [];
  });
}

/** Durations are read with the file. */
function settingsOf(...about: Parameters<typeof webhookOf>) {
  try {
    return webhookOf(...about);
  } catch (error) {
    throw notLoaded(error);
  }
}

function typeError(type: string, at: string, seen: ReadonlySet<string>): FieldError | undefined {
  if (type === '') return required(at);
  if (!(authorizationModes as readonly string[]).includes(type))
    return notSupportedPlain(at, type, [...authorizationModes].sort());
  return seen.has(type) && type !== 'Webhook' ? duplicate(at, type) : undefined;
}

function nameErrors(name: string, at: string, seen: ReadonlySet<string>): FieldError[] {
  if (name === '') return [required(at)];
  if (seen.has(name)) return [duplicate(at, name)];
  const complaints = dns1123Subdomain(name);
  return complaints.length > 0 ? [invalid(at, name, `authorizer name is invalid: ${complaints.join(', ')}`)] : [];
}
