import { compareVersions } from './custom-resources/version-order.ts';
import type { ResourceDefinition } from './resource-definition.ts';

/** What is served of a version of a group. */
interface Served {
  readonly list: readonly ResourceDefinition[];
  readonly byPlural: ReadonlyMap<string, ResourceDefinition>;
}

/** The table of what is served, by group, version and plural: what is built in, and custom resources, which come and go. */
export class ResourceRegistry {
  readonly #builtIn: readonly ResourceDefinition[];
  readonly #builtInVersions: ReadonlySet<string>;
  /** By group, then by version: a joined text would be made and hashed for each request. */
  readonly #served = new Map<string, Map<string, Served>>();
  /** Asked several times a request. */
  readonly #byResource = new Map<string, ResourceDefinition>();
  /** Asked for each webhook and policy that there is. */
  readonly #otherForms = new Map<ResourceDefinition, readonly ResourceDefinition[]>();
  #definitions: readonly ResourceDefinition[];
  #generation = 0;

  constructor(definitions: readonly ResourceDefinition[]) {
    // What has no verb is a name in the facts, not something to be asked for.
    this.#builtIn = definitions.filter(({ verbs }) => verbs.length > 0);
    this.#definitions = this.#builtIn;
    for (const definition of this.#builtIn) this.#add(definition);
    this.#builtInVersions = new Set(this.#builtIn.map(({ group, version }) => `${group}/${version}`));
  }

  get definitions(): readonly ResourceDefinition[] {
    return this.#definitions;
  }

  /** Changes whenever the table does: what is made from it is made again then. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether a version of a group is the server's own. */
  isBuiltIn(group: string, version: string): boolean {
    return this.#builtInVersions.has(`${group}/${version}`);
  }

  /** Serves custom resources in place of others, in one step. */
  replace(before: readonly ResourceDefinition[], after: readonly ResourceDefinition[]): void {
    for (const definition of before) this.#remove(definition);
    for (const definition of after) this.#add(definition);
    const custom = this.#definitions.filter((each) => each.custom && !before.includes(each));
    this.#definitions = [...this.#builtIn, ...[...custom, ...after].sort(inOrder)];
    this.#byResource.clear();
    this.#otherForms.clear();
    this.#generation++;
  }

  find(group: string, version: string, plural: string): ResourceDefinition | undefined {
    return this.#served.get(group)?.get(version)?.byPlural.get(plural);
  }

  /** The definition whose form `definition`'s objects have in the store: itself, unless it says otherwise. */
  storedForm(definition: ResourceDefinition): ResourceDefinition {
    const { storedAs } = definition;
    if (!storedAs) return definition;
    const found = this.definitions.find(
      (each) => each.group === storedAs.group && each.plural === storedAs.plural && !each.storedAs,
    );
    if (!found) throw new Error(`${definition.plural}.${definition.group}: its stored form is not defined`);
    return found;
  }

  /** What else serves the objects of `definition`: in other versions, or in another group. */
  otherForms(definition: ResourceDefinition): readonly ResourceDefinition[] {
    const known = this.#otherForms.get(definition);
    if (known) return known;
    const stored = this.storedForm(definition);
    const others = this.definitions.filter(
      (each) => each !== definition && each.stored && this.storedForm(each) === stored,
    );
    this.#otherForms.set(definition, others);
    return others;
  }

  /** Any served version of a resource, the stored one first. */
  ofResource(group: string, plural: string): ResourceDefinition | undefined {
    const key = `${group}/${plural}`;
    const known = this.#byResource.get(key);
    if (known) return known;
    const all = this.definitions.filter((each) => each.group === group && each.plural === plural);
    const found = all.find((each) => !each.storedAs) ?? all[0];
    if (found) this.#byResource.set(key, found);
    return found;
  }

  resourcesOf(group: string, version: string): readonly ResourceDefinition[] | undefined {
    return this.#served.get(group)?.get(version)?.list;
  }

  /** Versions of a group in the order of the table, preferred first. */
  versionsOf(group: string): readonly string[] {
    const versions = new Set(this.definitions.filter((each) => each.group === group).map(({ version }) => version));
    return [...versions];
  }

  get groups(): readonly string[] {
    return [...new Set(this.definitions.map(({ group }) => group))];
  }

  #add(definition: ResourceDefinition): void {
    const { group, version, plural } = definition;
    const before = this.#served.get(group)?.get(version);
    const byPlural = new Map(before?.byPlural).set(plural, definition);
    this.#set(group, version, { list: [...(before?.list ?? []), definition], byPlural });
  }

  #remove(definition: ResourceDefinition): void {
    const { group, version, plural } = definition;
    const before = this.#served.get(group)?.get(version);
    const byPlural = new Map(before?.byPlural);
    if (byPlural.get(plural) === definition) byPlural.delete(plural);
    this.#set(group, version, { list: (before?.list ?? []).filter((each) => each !== definition), byPlural });
  }

  #set(group: string, version: string, served: Served): void {
    const versions = this.#served.get(group) ?? new Map<string, Served>();
    if (served.list.length > 0) versions.set(version, served);
    else versions.delete(version);
    if (versions.size > 0) this.#served.set(group, versions);
    else this.#served.delete(group);
  }
}

/** By group and kube-like version, newest first, then by name. */
function inOrder(a: ResourceDefinition, b: ResourceDefinition): number {
  return compareText(a.group, b.group) || compareVersions(a.version, b.version) || compareText(a.plural, b.plural);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
