import type { csi } from '@berth/protos';
import type { RecordHeader } from '../proxy/call-record.ts';
import { stripped } from '../proxy/redact-message.ts';

type Json = Readonly<Record<string, unknown>>;

/** Fields that hold what a driver chose: another driver chooses otherwise. */
const idFields = new Set([
  ...['volumeId', 'snapshotId', 'groupSnapshotId', 'sourceVolumeId', 'sourceVolumeIds', 'snapshotIds'],
  ...['baseSnapshotId', 'targetSnapshotId', 'nodeId', 'publishedNodeIds', 'startingToken', 'nextToken'],
]);

export interface SubstitutionOptions {
  readonly header: RecordHeader;
  readonly node: csi.NodeGetInfoResponse | undefined;
  /** Put in the place of stripped values with the same key. */
  readonly secrets: Readonly<Record<string, string>>;
  /** `[old, new]`: beginnings of paths. */
  readonly paths: readonly (readonly [string, string])[];
  /** Put behind the names of volumes and snapshots: else those there are by these names would be taken for the recorded ones. */
  readonly nameSuffix: string;
}

/** No name is longer (CSI spec, "Size Limits"). */
const maxNameBytes = 128;

/** What of a recording stands for what at the new driver; learnt from its answers. */
export class Substitution {
  readonly #ids = new Map<string, string>();
  /** By the recorded volume id: the context in the recording and at the new driver. */
  readonly #contexts = new Map<string, { readonly old: Json; readonly now: Json }>();
  readonly #publishContexts = new Map<string, Json>();
  readonly #options: SubstitutionOptions;
  readonly #segments: readonly [old: string, now: Json] | undefined;
  /** What was stripped from requests and is not there to be sent: names of fields. */
  readonly missing = new Set<string>();

  constructor(options: SubstitutionOptions) {
    this.#options = options;
    const { header, node } = options;
    if (header.nodeId && node) this.#ids.set(header.nodeId, node.nodeId);
    const segments = node?.accessibleTopology?.segments;
    if (header.segments && segments) this.#segments = [canonical(header.segments), segments];
  }

  /** A recorded request as the new driver is to get it. */
  request(message: Json): Json {
    const changed = this.#message(message, typeof message['volumeId'] === 'string' ? message['volumeId'] : undefined);
    return typeof message['name'] === 'string' ? { ...changed, name: this.#name(message['name']) } : changed;
  }

  /** A name that is refused for its length or emptiness stays so. */
  #name(name: string): string {
    const longer = name + this.#options.nameSuffix;
    return name === '' || Buffer.byteLength(longer) > maxNameBytes ? name : longer;
  }

  /** A recorded answer in the new driver's names, to be compared. */
  response(message: Json): Json {
    return this.#message(message, undefined);
  }

  /** A path of the new run for a recorded one. */
  path(text: string): string {
    const rule = this.#options.paths.find(([old]) => text === old || text.startsWith(`${old.replace(/\/$/, '')}/`));
    return rule ? rule[1].replace(/\/$/, '') + text.slice(rule[0].replace(/\/$/, '').length) : text;
  }

  knows(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Compares an answer with the recorded one to learn which names stand for which. Lists have no order and teach nothing. */
  learn(method: string, exchange: { readonly request: Json; readonly old: Json; readonly now: Json }): void {
    const { request, old, now } = exchange;
    this.#learnIds(old, now);
    this.#learnGroup(old['groupSnapshot'] as Json | undefined, now['groupSnapshot'] as Json | undefined);
    const id = (old['volume'] as Json | undefined)?.['volumeId'];
    if (method === 'CreateVolume' && typeof id === 'string') {
      const contextOf = (message: Json) => ((message['volume'] as Json)['volumeContext'] ?? {}) as Json;
      this.#contexts.set(id, { old: contextOf(old), now: contextOf(now) });
    }
    if (method === 'ControllerPublishVolume')
      this.#publishContexts.set(String(request['volumeId']), (now['publishContext'] ?? {}) as Json);
  }

  /** Members of a group are known by the volume each is of. */
  #learnGroup(old: Json | undefined, now: Json | undefined): void {
    const members = (group: Json | undefined) => (group?.['snapshots'] ?? []) as Json[];
    for (const member of members(old)) {
      const source = this.#id(member['sourceVolumeId']);
      const other = members(now).find((one) => one['sourceVolumeId'] === source);
      if (other) this.#ids.set(String(member['snapshotId']), String(other['snapshotId']));
    }
  }

  #learnIds(old: Json, now: Json): void {
    for (const [name, value] of Object.entries(old)) {
      const other = now[name];
      if (Array.isArray(value) || typeof other !== typeof value || !other) continue;
      if (typeof value === 'object' && value !== null) this.#learnIds(value as Json, other as Json);
      else if (idFields.has(name) && value !== '') this.#ids.set(String(value), String(other));
    }
  }

  #message(message: Json, volumeId: string | undefined): Json {
    const entries = Object.entries(message).flatMap(([name, value]) => {
      const changed = this.#field(name, value, volumeId);
      return changed === undefined ? [] : [[name, changed] as const];
    });
    return Object.fromEntries(entries);
  }

  #field(name: string, value: unknown, volumeId: string | undefined): unknown {
    if (idFields.has(name)) return Array.isArray(value) ? value.map((id) => this.#id(id)) : this.#id(value);
    if (name.endsWith('Path') && typeof value === 'string') return this.path(value);
    if (name === 'secrets') return this.#secrets(value as Json);
    if (name === 'mountFlags')
      return this.#known(
        name,
        (value as unknown[]).filter((flag) => flag !== stripped),
        value,
      );
    if (name === 'publishContext' && volumeId !== undefined) return this.#publishContexts.get(volumeId) ?? {};
    if (name === 'volumeContext' && volumeId !== undefined) return this.#context(value as Json, volumeId);
    if (name === 'segments' && this.#segments?.[0] === canonical(value as Json)) return this.#segments[1];
    if (Array.isArray(value)) return value.map((one) => (isMap(one) ? this.#message(one, volumeId) : one));
    return isMap(value) ? this.#message(value, volumeId) : value;
  }

  #id(value: unknown): unknown {
    return this.#ids.get(String(value)) ?? value;
  }

  #secrets(recorded: Json): Json {
    const { secrets } = this.#options;
    const filled = Object.entries(recorded).filter(([key]) => Object.hasOwn(secrets, key));
    if (filled.length < Object.keys(recorded).length) this.missing.add('secrets');
    return Object.fromEntries(filled.map(([key]) => [key, secrets[key]]));
  }

  /** What the CO added stays, what the driver had given is what this one gave. */
  #context(recorded: Json, volumeId: string): Json {
    const known = this.#contexts.get(volumeId);
    const own = Object.entries(recorded).filter(([key, value]) => value !== stripped && !(known && key in known.old));
    return this.#known('volumeContext', { ...Object.fromEntries(own), ...known?.now }, Object.values(recorded));
  }

  #known<T>(name: string, value: T, recorded: unknown): T {
    if ((recorded as unknown[]).includes(stripped)) this.missing.add(name);
    return value;
  }
}

function isMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}

function canonical(map: Json): string {
  return JSON.stringify(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
