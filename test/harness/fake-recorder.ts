import type { EventRecorder, KubeObject } from '@berth/kube';

export interface RecordedEvent {
  readonly component: string;
  /** `Kind/name` of what the event is about. */
  readonly about: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** Keeps events instead of sending them. */
export class FakeEvents {
  readonly recorded: RecordedEvent[] = [];

  readonly recorder = (component: string): EventRecorder => ({
    event: (about: KubeObject, type, reason, message) => {
      this.recorded.push({ component, about: `${about.kind}/${about.metadata.name}`, type, reason, message });
    },
  });

  /** `Reason: message` of every event, without repeats that follow each other. */
  get lines(): string[] {
    const lines = this.recorded.map(({ reason, message }) => `${reason}: ${message}`);
    return lines.filter((line, i) => line !== lines[i - 1]);
  }
}
