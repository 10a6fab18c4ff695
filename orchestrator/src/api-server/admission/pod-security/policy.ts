import type { FieldError } from '../../resource-definition.ts';
import { invalid } from '../../resources/field.ts';

/** From what may do all to what may do least. */
export const levels = ['privileged', 'baseline', 'restricted'] as const;
export type Level = (typeof levels)[number];

export interface LevelVersion {
  readonly level: Level;
  /** The minor version whose rules count; Infinity: the latest. */
  readonly minor: number;
}

/** What a namespace asks of its pods: refused, written to the audit log, told the client. */
export interface SecurityPolicy {
  readonly enforce: LevelVersion;
  readonly audit: LevelVersion;
  readonly warn: LevelVersion;
}

/** Of labels, and of what is written to the audit log. */
export const prefix = 'pod-security.kubernetes.io/';
const everything: LevelVersion = { level: 'privileged', minor: Number.POSITIVE_INFINITY };
export const nothingAsked: SecurityPolicy = { enforce: everything, audit: everything, warn: everything };
export const modes = ['enforce', 'audit', 'warn'] as const;
type Labels = Readonly<Record<string, string>>;
type Mode = keyof SecurityPolicy;
/** Hears of a text that cannot be read, and why. */
type Tell = (text: string, why: string) => void;

/**
 * What a namespace's labels say, and the defaults where they say nothing; a policy even where they are wrong
 * (pod-security-admission api.PolicyToEvaluate).
 */
export function policyOf(
  labels: Labels = {},
  defaults: SecurityPolicy = nothingAsked,
): { readonly policy: SecurityPolicy; readonly errors: FieldError[] } {
  const errors: FieldError[] = [];
  const read = (mode: Mode): LevelVersion => {
    const [level, version] = [labels[`${prefix}${mode}`], labels[`${prefix}${mode}-version`]];
    const tell = (label: string) => (text: string, why: string) =>
      errors.push(invalid(`metadata.labels[${prefix}${label}]`, text, why));
    // What cannot be read is enforced strictly, and neither warned of nor audited.
    const unread = mode === 'enforce' ? 'restricted' : 'privileged';
    return {
      level: level === undefined ? defaults[mode].level : (levelOf(level, tell(mode)) ?? unread),
      minor: version === undefined ? defaults[mode].minor : minorOf(version, tell(`${mode}-version`)),
    };
  };
  const [enforce, audit] = [read('enforce'), read('audit')];
  let warn = read('warn');
  // Who enforces is warned of what will be refused, unless told otherwise.
  const asked = labels[`${prefix}enforce`];
  if (labels[`${prefix}warn`] === undefined && isLevel(asked) && isStricter(asked, warn.level)) {
    const own = labels[`${prefix}warn-version`] !== undefined;
    warn = { level: enforce.level, minor: own ? warn.minor : enforce.minor };
  }
  return { policy: { enforce, audit, warn }, errors };
}

/** What of a policy its namespace's own labels ask for: `enforce=baseline:latest, warn=restricted:v1.28`. */
export function askedByLabels(policy: SecurityPolicy, labels: Labels = {}): string {
  const isAsked = (mode: Mode) => `${prefix}${mode}` in labels || `${prefix}${mode}-version` in labels;
  const asked = modes.filter((mode) => policy[mode].level !== 'privileged' && isAsked(mode));
  return asked.map((mode) => `${mode}=${levelText(policy[mode])}`).join(', ');
}

/** Whether both let the same pass in all modes. */
export function isSamePolicy(one: SecurityPolicy, other: SecurityPolicy): boolean {
  const isLoose = (mode: Mode) => one[mode].level === 'privileged' && other[mode].level === 'privileged';
  return modes.every((mode) => isLoose(mode) || isSame(one[mode], other[mode]));
}

export function isStricter(level: Level, than: Level): boolean {
  return levels.indexOf(level) > levels.indexOf(than);
}

export function isSame(one: LevelVersion, other: LevelVersion): boolean {
  return one.level === other.level && one.minor === other.minor;
}

/** `baseline:latest`, `restricted:v1.28` */
export function levelText({ level, minor }: LevelVersion): string {
  return `${level}:${minor === everything.minor ? 'latest' : `v1.${minor}`}`;
}

function isLevel(text: string | undefined): text is Level {
  return levels.some((level) => level === text);
}

/** Undefined, and told of: there is no such level. */
export function levelOf(text: string, tell: Tell): Level | undefined {
  if (isLevel(text)) return text;
  tell(text, `must be one of ${levels.join(', ')}`);
  return undefined;
}

export function minorOf(text: string, tell: Tell): number {
  if (text === 'latest') return everything.minor;
  const minor = /^v1\.(0|[1-9][0-9]*)$/.exec(text)?.[1];
  if (minor !== undefined && Number.isSafeInteger(Number(minor))) return Number(minor);
  tell(text, 'must be "latest" or "v1.x"');
  return everything.minor;
}
