import { type Command, Option } from 'commander';

/** Flags that conformance and bench have in common: the class of their volumes. */
export function addTrialFlags(command: Command): void {
  command
    .option('--cap <mode,access>', 'capability of the volumes', 'SINGLE_NODE_WRITER,mount')
    .option('--size <quantity>', 'size of the volumes', '1Gi')
    .addOption(listOption('--param <key=value>', 'a parameter of the volumes (repeatable)'))
    .addOption(listOption('--secret <key=@file>', 'a secret, its value read from a file (repeatable)'))
    .option('--secrets-file <file>', 'secrets as a JSON or YAML map')
    .option('--mount-dir <dir>', 'where staging and target paths are made; the driver must see it too');
}

/** A flag that may be given several times. */
export function listOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string, before: string[] | undefined) => [
    ...(before ?? []),
    text,
  ]);
}
