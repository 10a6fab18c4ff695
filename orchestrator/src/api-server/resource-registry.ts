import type { ResourceDefinition } from './resource-definition.ts';

/** The table of what is served, by group, version and plural. */
export class ResourceRegistry {
  readonly definitions: readonly ResourceDefinition[];
  readonly #byPath = new Map<string, ResourceDefinition>();
  readonly #groupVersions = new Map<string, ResourceDefinition[]>();

  constructor(definitions: readonly ResourceDefinition[]) {
    // What has no verb is a name in the facts, not something to be asked for.
    this.definitions = definitions.filter(({ verbs }) => verbs.length > 0);
    for (const definition of this.definitions) {
      const { group, version, plural } = definition;
      this.#byPath.set(`${group}/${version}/${plural}`, definition);
      const list = this.#groupVersions.get(`${group}/${version}`) ?? [];
      list.push(definition);
      this.#groupVersions.set(`${group}/${version}`, list);
    }
  }

  find(group: string, version: string, plural: string): ResourceDefinition | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
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

  /** Any served version of a resource, the stored one first. */
  ofResource(group: string, plural: string): ResourceDefinition | undefined {
    const all = this.definitions.filter((each) => each.group === group && each.plural === plural);
    return all.find((each) => !each.storedAs) ?? all[0];
  }

  resourcesOf(group: string, version: string): readonly ResourceDefinition[] | undefined {
    return this.#groupVersions.get(`${group}/${version}`);
  }

  /** Versions of a group in the order of the table, preferred first. */
  versionsOf(group: string): readonly string[] {
    return [...new Set(this.definitions.filter((each) => each.group === group).map(({ version }) => version))];
  }

  get groups(): readonly string[] {
    return [...new Set(this.definitions.map(({ group }) => group))];
  }
}
