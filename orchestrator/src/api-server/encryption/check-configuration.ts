import type { FieldError } from '../resource-definition.ts';
import { child, forbidden, invalid, required } from '../resources/field.ts';
import type { EncryptionFile, KeyFields, ProviderFields } from './configuration-schema.ts';

const aesKeyBytes = [16, 24, 32];

/** The providers that have keys, and how long those are. */
const keyBytesOf = { aesgcm: aesKeyBytes, aescbc: aesKeyBytes, secretbox: [32] } as const;

const notStored = new Set(['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations']);

/** What is wrong with it (apiserver/validation ValidateEncryptionConfiguration); a secret is never said. */
export function configurationErrors({ resources = [] }: EncryptionFile): FieldError[] {
  if (resources.length === 0) return [atLeastOne('resources')];
  return resources.flatMap(({ resources: names = [], providers = [] }, i) => {
    const [namesAt, providersAt] = [`resources[${i}].resources`, `resources[${i}].providers`];
    return [
      ...(names.length === 0 ? [atLeastOne(namesAt)] : []),
      ...overlapErrors(names, namesAt),
      ...names.flatMap((name, j) => {
        const why = nameComplaint(name);
        return why === undefined ? [] : [invalid(`${namesAt}[${j}]`, name, why)];
      }),
      ...(providers.length === 0 ? [atLeastOne(providersAt)] : []),
      ...providers.flatMap((provider, j) => providerErrors(provider, `${providersAt}[${j}]`)),
    ];
  });
}

/** `secrets`, `deployments.apps`, `*.`, `*.apps`, `*.*`: the plural, and the group. */
export function splitName(name: string): readonly [string, string] {
  const dot = name.indexOf('.');
  return dot < 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)];
}

function atLeastOne(at: string, what = at): FieldError {
  return required(at, `at least one ${what} is required`);
}

function overlapErrors(names: readonly string[], at: string): FieldError[] {
  const split = names.map(splitName);
  const pairs = split.flatMap((one, i) => split.filter((_, j) => i !== j).map((other) => [one, other] as const));
  const isSame = ([[plural, group], [otherPlural, otherGroup]]: (typeof pairs)[number]) =>
    plural === otherPlural && group === otherGroup;
  const firstSame = pairs.findIndex(isSame);
  const masks = pairs.some(([[plural, group], [otherPlural, otherGroup]], i) => {
    // The first two of one name are told as that.
    if (i === firstSame) return false;
    if (plural === '*' && group === '*') return true;
    return group === otherGroup && (plural === '*' || otherPlural === '*');
  });
  return [
    ...(firstSame < 0 ? [] : [invalid(at, names, 'the same resource cannot be specified multiple times')]),
    ...(masks
      ? [
          invalid(
            at,
            names,
            "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked",
          ),
        ]
      : []),
  ];
}

function nameComplaint(name: string): string | undefined {
  const [plural, group] = splitName(name);
  if (name !== name.toLowerCase()) return 'resource name should not contain capital letters';
  if (name === '*') return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources";
  if (notStored.has(name)) return 'resources which do not have REST API/s cannot be encrypted';
  if (group === 'events.k8s.io')
    return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file";
  if (group === 'extensions') return "'extensions' group has been removed and cannot be used for encryption";
  if (group === '*' && plural !== '*') return 'encrypting the same resource across groups is not supported';
  return undefined;
}

function providerErrors(provider: ProviderFields, at: string): FieldError[] {
  const kinds = Object.values(provider).filter((value) => value !== undefined).length;
  const errors: FieldError[] = [];
  if (kinds === 0)
    errors.push(
      invalid(
        at,
        shown(provider),
        'provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity',
      ),
    );
  if (kinds > 1)
    errors.push(
      invalid(
        at,
        shown(provider),
        'more than one provider specified in a single element, should split into different list elements',
      ),
    );
  if (provider.kms)
    return [...errors, forbidden(child(at, 'kms'), 'this server has no KMS providers, but those that have keys')];
  const kind = (['aesgcm', 'aescbc', 'secretbox'] as const).find((one) => provider[one]);
  return kind === undefined
    ? errors
    : [...errors, ...keyListErrors(provider[kind]?.keys ?? [], `${at}.${kind}.keys`, keyBytesOf[kind])];
}

/** As Go shows the struct; upstream shows secrets, too. */
function shown({ aesgcm, aescbc, secretbox, identity, kms }: ProviderFields) {
  const keys = (fields: ProviderFields['aesgcm']) =>
    fields ? { Keys: fields.keys?.map(({ name = '' }) => ({ Name: name, Secret: 'REDACTED' })) ?? null } : null;
  return {
    AESGCM: keys(aesgcm),
    AESCBC: keys(aescbc),
    Secretbox: keys(secretbox),
    Identity: identity ?? null,
    KMS: kms ? {} : null,
  };
}

function keyListErrors(keys: readonly KeyFields[], at: string, keyBytes: readonly number[]): FieldError[] {
  if (keys.length === 0) return [atLeastOne(at, 'keys')];
  return keys.flatMap(({ name = '', secret = '' }, i) => [
    ...(name === '' ? [required(`${at}[${i}].name`, 'name is a mandatory field for a key')] : []),
    ...secretErrors(secret, `${at}[${i}].secret`, keyBytes),
  ]);
}

function secretErrors(secret: string, at: string, keyBytes: readonly number[]): FieldError[] {
  if (secret === '') return [required(at, 'secret is a mandatory field for a key')];
  const redacted = (why: string) => [invalid(at, 'REDACTED', why)];
  // Go's decoder passes over ends of lines.
  const text = secret.replace(/[\r\n]/g, '');
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text))
    return redacted('secrets must be base64 encoded');
  const { length } = Buffer.from(text, 'base64');
  return keyBytes.includes(length)
    ? []
    : redacted(`secret is not of the expected length, got ${length}, expected one of [${keyBytes.join(' ')}]`);
}
