import { goQuote } from '@berth/kube';
import { objectType } from '../language/cel-type.ts';
import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import { CelError } from '../values/cel-error.ts';
import { compareStrings } from '../values/compare.ts';
import type { Opaque } from '../values/opaque.ts';
import { maxUint, type Result, type Value } from '../values/value.ts';

const semverType = objectType('kubernetes.Semver');

class SemverValue implements Opaque {
  readonly opaque = semverType;
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly pre: readonly string[];
  readonly build: string;

  constructor(numbers: readonly [bigint, bigint, bigint], pre: readonly string[], build: string) {
    this.numbers = numbers;
    this.pre = pre;
    this.build = build;
  }

  equals(other: Opaque): boolean {
    return other instanceof SemverValue && compareVersions(this, other) === 0;
  }

  toString(): string {
    return (
      this.numbers.join('.') +
      (this.pre.length > 0 ? `-${this.pre.join('.')}` : '') +
      (this.build === '' ? '' : `+${this.build}`)
    );
  }
}

const numeric = /^\d+$/;
const identifier = /^[0-9A-Za-z-]+$/;

/** Nobody's version is longer; numbers of that many digits take long to read. */
const maxText = 1000;

/** As blang/semver reads and complains. */
function parse(text: string): SemverValue | CelError {
  if (text === '') return new CelError('Version string empty');
  if (text.length > maxText) return new CelError('version string is too long');
  const parts = splitThree(text);
  if (parts.length !== 3) return new CelError('No Major.Minor.Patch elements found');
  const [major = '', minor = '', rest = ''] = parts;
  const plus = rest.indexOf('+');
  const build = plus < 0 ? '' : rest.slice(plus + 1);
  const front = plus < 0 ? rest : rest.slice(0, plus);
  const dash = front.indexOf('-');
  const patch = dash < 0 ? front : front.slice(0, dash);
  const pre = dash < 0 ? [] : front.slice(dash + 1).split('.');
  for (const [name, part] of [
    ['Major', major],
    ['Minor', minor],
    ['Patch', patch],
  ] as const) {
    const problem = badNumber(name, part);
    if (problem) return problem;
  }
  for (const part of pre) {
    const problem = badPrerelease(part);
    if (problem) return problem;
  }
  if (plus >= 0 && build.split('.').some((part) => part === '')) return new CelError('Build meta data is empty');
  const wrong = plus < 0 ? undefined : build.split('.').find((part) => !identifier.test(part));
  if (wrong !== undefined) return new CelError(`Invalid character(s) found in build meta data ${goQuote(wrong)}`);
  return new SemverValue([BigInt(major), BigInt(minor), BigInt(patch)], pre, build);
}

function splitThree(text: string): readonly string[] {
  const [major = '', minor, ...rest] = text.split('.');
  return minor === undefined ? [major] : rest.length === 0 ? [major, minor] : [major, minor, rest.join('.')];
}

function badNumber(name: string, part: string): CelError | undefined {
  const quoted = goQuote(part);
  if (part !== '' && !numeric.test(part))
    return new CelError(`Invalid character(s) found in ${name.toLowerCase()} number ${quoted}`);
  if (part.length > 1 && part.startsWith('0'))
    return new CelError(`${name} number must not contain leading zeroes ${quoted}`);
  if (part === '') return new CelError(`strconv.ParseUint: parsing ${quoted}: invalid syntax`);
  return BigInt(part) > maxUint ? new CelError(`strconv.ParseUint: parsing ${quoted}: value out of range`) : undefined;
}

function badPrerelease(part: string): CelError | undefined {
  if (part === '') return new CelError('Prerelease is empty');
  if (numeric.test(part) && part.length > 1 && part.startsWith('0'))
    return new CelError(`Numeric PreRelease version must not contain leading zeroes ${goQuote(part)}`);
  return identifier.test(part) ? undefined : new CelError(`Invalid character(s) found in prerelease ${goQuote(part)}`);
}

/** A `v` in front, missing numbers and leading zeros are put right first. */
function normalized(text: string): SemverValue | CelError {
  const parts = splitThree(text.replace(/^v/, '')).map((part) => {
    if (part.length <= 1) return part;
    const stripped = part.replace(/^0+/, '');
    return /^\d/.test(stripped) ? stripped : `0${stripped}`;
  });
  if (parts.length < 3 && /[+-]/.test(parts.at(-1) ?? ''))
    return new CelError('short version cannot contain PreRelease/Build meta data');
  while (parts.length < 3) parts.push('0');
  return parse(parts.join('.'));
}

function compareVersions(a: SemverValue, b: SemverValue): number {
  for (const [i, number] of a.numbers.entries()) {
    const other = b.numbers[i] as bigint;
    if (number !== other) return number > other ? 1 : -1;
  }
  if (a.pre.length === 0 || b.pre.length === 0) return Math.sign(b.pre.length - a.pre.length);
  for (let i = 0; i < a.pre.length && i < b.pre.length; i++) {
    const order = compareParts(a.pre[i] as string, b.pre[i] as string);
    if (order !== 0) return order;
  }
  return Math.sign(a.pre.length - b.pre.length);
}

function compareParts(a: string, b: string): number {
  const [left, right] = [numeric.test(a), numeric.test(b)];
  if (left && right) return BigInt(a) === BigInt(b) ? 0 : BigInt(a) > BigInt(b) ? 1 : -1;
  if (left !== right) return left ? -1 : 1;
  return compareStrings(a, b);
}

const read = (text: Value, tolerant: Value = false): Result =>
  tolerant ? normalized(text as string) : parse(text as string);
const is = (text: Value, tolerant: Value = false): Result => !(read(text, tolerant) instanceof CelError);
const order = (a: Value | undefined, b: Value | undefined): number =>
  compareVersions(a as SemverValue, b as SemverValue);
/** Larger ones are negative, as cel-go's conversion makes them. */
const part = (index: number) => (value: Value) => BigInt.asIntN(64, (value as SemverValue).numbers[index] as bigint);
const self = 'kubernetes.Semver';

/** Kubernetes' versions. */
export const semver: readonly FunctionDeclaration[] = [
  declare('semver', {
    string_to_semver: [`(string): ${self}`, (text) => read(text as Value)],
    string_bool_to_semver: [`(string, bool): ${self}`, read],
  }),
  declare('isSemver', {
    is_semver_string: ['(string): bool', (text) => is(text as Value)],
    is_semver_string_bool: ['(string, bool): bool', is],
  }),
  declare('isGreaterThan', { semver_is_greater_than: [`${self}.(${self}): bool`, (a, b) => order(a, b) > 0] }),
  declare('isLessThan', { semver_is_less_than: [`${self}.(${self}): bool`, (a, b) => order(a, b) < 0] }),
  declare('compareTo', { semver_compare_to: [`${self}.(${self}): int`, (a, b) => BigInt(order(a, b))] }),
  declare('major', { semver_major: [`${self}.(): int`, part(0)] }),
  declare('minor', { semver_minor: [`${self}.(): int`, part(1)] }),
  declare('patch', { semver_patch: [`${self}.(): int`, part(2)] }),
];
