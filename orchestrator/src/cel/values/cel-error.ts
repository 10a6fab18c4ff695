/** What went wrong in an evaluation, in cel-go's words. A value, not thrown. */
export class CelError {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

export const noSuchOverload = new CelError('no such overload');
export const integerOverflow = new CelError('integer overflow');
export const unsignedOverflow = new CelError('unsigned integer overflow');
export const durationOverflow = new CelError('duration overflow');
export const timestampOverflow = new CelError('timestamp overflow');
export const divideByZero = new CelError('division by zero');
export const modulusByZero = new CelError('modulus by zero');
