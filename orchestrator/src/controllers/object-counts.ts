import type { Informers, KubeObject, ResourceType } from '@berth/kube';
import type { MetricRegistry, Sample } from '../metrics/metric-registry.ts';

export interface Counted<T extends KubeObject> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly type: ResourceType<T>;
  /** The lists of labels that an object counts for. */
  readonly of: (object: T) => readonly (readonly string[])[];
}

/** Objects that are counted when somebody asks, by controllers that follow them anyway. */
export class ObjectCounts {
  readonly #registry: MetricRegistry;
  #informers: Informers | undefined;

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
  }

  /** From now on these are asked. */
  follow(informers: Informers): void {
    this.#informers = informers;
  }

  gauge<T extends KubeObject>({ name, help, labels, type, of }: Counted<T>): void {
    this.#registry.gauge(name, help, labels, () => {
      const informers = this.#informers;
      if (!informers) return [];
      const counts = new Map<string, { readonly labels: readonly string[]; count: number }>();
      // What has no labels is told where there is none, too.
      if (labels.length === 0) counts.set('', { labels, count: 0 });
      for (const object of informers.of(type).list())
        for (const values of of(object)) {
          const key = values.join('\0');
          const known = counts.get(key) ?? { labels: values, count: 0 };
          known.count++;
          counts.set(key, known);
        }
      return [...counts.values()].map(({ labels: values, count }): Sample => [values, count]);
    });
  }
}
