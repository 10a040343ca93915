/** The fields of an ErrorResponse, by their protocol letters' meaning. Positions and lines are strings, as on the wire. */
export interface SqlFaultFields {
  readonly severity: string;
  /** SQLSTATE */
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly position?: string;
  readonly internalPosition?: string;
  readonly internalQuery?: string;
  readonly where?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly dataType?: string;
  readonly constraint?: string;
  readonly file?: string;
  readonly line?: string;
  readonly routine?: string;
}

/** An error as PostgreSQL tells it: the stand-in's own language, turned into whatever the client speaks at its edge. */
export class SqlFault extends Error {
  override readonly name = "SqlFault";
  readonly fields: SqlFaultFields;

  constructor(fields: SqlFaultFields) {
    super(fields.message);
    this.fields = fields;
  }

  /** True when the connection ends with it. */
  get isFatal(): boolean {
    return this.fields.severity === "FATAL";
  }
}

export const fatal = (code: string, message: string): SqlFault => new SqlFault({ severity: "FATAL", code, message });

export const failed = (code: string, message: string): SqlFault => new SqlFault({ severity: "ERROR", code, message });
