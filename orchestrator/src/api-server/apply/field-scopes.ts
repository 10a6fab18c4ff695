import type { ResourceDefinition } from '../resource-definition.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import { type FieldScope, fieldScopeOf } from './field-scope.ts';

/** The scopes of all endpoints, each made when it is first asked for. */
export class FieldScopes {
  readonly #registry: ResourceRegistry;
  readonly #known = new WeakMap<ResourceDefinition, Map<string, FieldScope>>();

  constructor(registry: ResourceRegistry) {
    this.#registry = registry;
  }

  /** `subresource` is empty for the object itself. */
  of(definition: ResourceDefinition, subresource: string): FieldScope {
    let scopes = this.#known.get(definition);
    if (!scopes) {
      scopes = new Map();
      this.#known.set(definition, scopes);
    }
    let scope = scopes.get(subresource);
    if (!scope) {
      scope = fieldScopeOf(this.#registry, definition, subresource);
      scopes.set(subresource, scope);
    }
    return scope;
  }
}
