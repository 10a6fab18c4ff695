import type { KubeObject } from './resource-type.ts';

export interface EventOptions {
  /** Which part of the object: `spec.containers{web}`. */
  readonly fieldPath?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** What was being done: `Binding`. Only events.k8s.io has room for it. */
  readonly action?: string;
  /** What else has to do with it: the pod that another one made room for. Only events.k8s.io has room for it. */
  readonly related?: KubeObject;
}

/**
 * Emits Events about objects. A core/v1 one is correlated as client-go does: a repeat within the window raises `count` of
 * the first by a patch, ten similar ones are aggregated, a spammed object is rate limited. Never throws, never waits.
 */
export interface EventRecorder {
  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, options?: EventOptions): void;
}
