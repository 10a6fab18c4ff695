import { maxDepth, setOwn, sortMembers } from '@berth/kube';
import {
  type Alias,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Pair,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { noJson } from './type-meta.ts';
import { goSyntax, keySyntax, keyText } from './yaml-go-syntax.ts';
import { nodesOf } from './yaml-nodes.ts';
import { plainScalar, type ResolvedScalar, taggedScalar } from './yaml-scalars.ts';

/** What a reader of Kubernetes' sees in a document. */
export interface DecodedYaml {
  readonly value: unknown;
  /** The values whose keys were there before, and those keys as Go prints them. */
  readonly repeats: readonly { readonly pair: Pair; readonly key: string }[];
}

/** The document is more than it was to be. */
export class BeyondBudget extends Error {
  override readonly name = 'BeyondBudget';
}

/** A map while it grows, and the keys that are not to come again. */
interface Growing {
  readonly object: Record<string, unknown>;
  readonly keys: Set<string>;
}

/**
 * A document as sigs.k8s.io/yaml turns it into JSON: keys become texts, the last of equal ones counts, merges count where they stand.
 * @throws Error – in Go's words; BeyondBudget – it has more than `budget` values.
 */
export function decodeYaml(document: Document.Parsed, budget: number): DecodedYaml {
  const decoder = new Decoder(targetsOf(document), budget);
  const value = document.contents ? decoder.value(document.contents) : null;
  if (decoder.wrong !== undefined) throw new Error(decoder.wrong);
  return { value, repeats: decoder.repeats };
}

/** Which value each alias stands for: the last one of that name in front of it. @throws Error */
function targetsOf(document: Document.Parsed): ReadonlyMap<Alias, unknown> {
  const targets = new Map<Alias, unknown>();
  const anchors = new Map<string, unknown>();
  for (const node of nodesOf(document)) {
    if (isAlias(node)) {
      if (!anchors.has(node.source)) throw new Error(`yaml: unknown anchor '${node.source}' referenced`);
      targets.set(node, anchors.get(node.source));
    } else if ((isScalar(node) || isCollection(node)) && node.anchor) anchors.set(node.anchor, node);
  }
  return targets;
}

class Decoder {
  readonly repeats: { pair: Pair; key: string }[] = [];
  /** What no JSON can tell; known when all else is right. */
  wrong: string | undefined;
  readonly #targets: ReadonlyMap<Alias, unknown>;
  readonly #budget: number;
  readonly #open = new Set<Alias>();
  #count = 0;
  #aliased = 0;
  #depth = 0;

  constructor(targets: ReadonlyMap<Alias, unknown>, budget: number) {
    this.#targets = targets;
    this.#budget = budget;
  }

  value(node: unknown): unknown {
    this.#tally();
    if (isAlias(node)) return this.#through(node, (target) => this.value(target));
    if (isScalar(node)) return this.#scalarValue(node);
    if (isMap(node)) return this.#nested('{', () => this.#map(node));
    if (isSeq(node))
      return this.#nested('[', () => node.items.map((item) => this.value(isPair(item) ? item.value : item)));
    return null;
  }

  /** As go.yaml.in/yaml/v2 bounds what aliases make of a document. */
  #tally(): void {
    this.#count++;
    if (this.#open.size > 0) this.#aliased++;
    if (this.#count > this.#budget) throw new BeyondBudget('more values than were to be');
    if (this.#aliased <= 100 || this.#count <= 1000) return;
    if (this.#aliased / this.#count > allowedShare(this.#count))
      throw new Error('yaml: document contains excessive aliasing');
  }

  /** As JSON, which is what Go's reader makes of it, it may be no deeper. */
  #nested<T>(opened: '[' | '{', run: () => T): T {
    if (++this.#depth > maxDepth) throw new Error(noJson(`invalid character '${opened}' exceeded max depth`));
    const result = run();
    this.#depth--;
    return result;
  }

  #through<T>(alias: Alias, run: (target: unknown) => T): T {
    if (this.#open.has(alias)) throw new Error(`yaml: anchor '${alias.source}' value contains itself`);
    this.#open.add(alias);
    const result = run(this.#targets.get(alias));
    this.#open.delete(alias);
    return result;
  }

  #scalarValue(node: Scalar): unknown {
    const { type, value } = scalarOf(node);
    if (type === 'float' && !Number.isFinite(value))
      this.wrong ??= `json: unsupported value: ${keySyntax({ type, value })}`;
    return value === 0 ? 0 : value;
  }

  #map(node: YAMLMap): Record<string, unknown> {
    const growing: Growing = { object: {}, keys: new Set() };
    this.#fill(node, growing);
    // What is wrong first in that order is told.
    sortMembers(growing.object);
    return growing.object;
  }

  #fill(node: YAMLMap, into: Growing): void {
    for (const pair of node.items) {
      if (isMerge(pair.key)) {
        this.#merge(pair.value, into);
        continue;
      }
      const key = this.#key(pair.key);
      const value = this.value(pair.value);
      const shown = key.type === 'str' ? (key.value as string) : `${key.type}\0${String(key.value)}`;
      if (into.keys.has(shown)) this.repeats.push({ pair, key: keySyntax(key) });
      into.keys.add(shown);
      if (key.type === 'null' || key.type === 'uint') this.#unsupported(key, value);
      setOwn(into.object, keyText(key), value);
    }
  }

  #key(node: unknown): ResolvedScalar {
    this.#tally();
    if (isAlias(node)) return this.#through(node, (target) => this.#key(target));
    if (isCollection(node)) {
      this.#count--;
      throw new Error(`yaml: invalid map key: ${goSyntax(this.value(node))}`);
    }
    return isScalar(node) ? scalarOf(node) : { type: 'null', value: null };
  }

  #unsupported(key: ResolvedScalar, value: unknown): void {
    const type = key.type === 'null' ? '%!s(<nil>)' : 'uint64';
    this.wrong ??= `unsupported map key of type: ${type}, key: ${keySyntax(key)}, value: ${goSyntax(value)}`;
  }

  /** Of several maps the first counts most. @throws Error */
  #merge(node: unknown, into: Growing): void {
    if (isSeq(node)) {
      for (const item of node.items.toReversed()) this.#mergeOne(item, into);
    } else this.#mergeOne(node, into);
  }

  #mergeOne(node: unknown, into: Growing): void {
    const target = isAlias(node) ? this.#targets.get(node) : node;
    if (!isMap(target)) throw new Error('yaml: map merge requires map or sequence of maps as the value');
    this.#tally();
    if (!isAlias(node)) return this.#nested('{', () => this.#fill(target, into));
    this.#through(node, () => {
      this.#tally();
      this.#nested('{', () => this.#fill(target, into));
    });
  }
}

/** How much of that many values aliases may have made. */
function allowedShare(count: number): number {
  const [low, high] = [400_000, 4_000_000];
  if (count <= low) return 0.99;
  return count >= high ? 0.1 : 0.99 - (0.89 * (count - low)) / (high - low);
}

function scalarOf(node: Scalar): ResolvedScalar {
  const text = node.source ?? '';
  if (node.tag !== undefined) return tagged(node.tag, text);
  if (node.type === 'PLAIN' || node.type === undefined) return plainScalar(text);
  return { type: 'str', value: text };
}

function tagged(tag: string, text: string): ResolvedScalar {
  try {
    return taggedScalar(tag, text);
  } catch (error) {
    throw new Error(`yaml: ${(error as Error).message}`);
  }
}

function isMerge(key: unknown): boolean {
  if (!isScalar(key) || key.source !== '<<') return false;
  return key.tag === undefined ? key.type === 'PLAIN' : key.tag === 'tag:yaml.org,2002:merge';
}
