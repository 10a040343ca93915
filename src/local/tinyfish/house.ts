/** One listing of the sample data: one row of the CSV file. */
export interface House {
  /** Stable identity: `kc-`, 16 hex digits of the row's facts, and its number among rows with the same facts. */
  readonly sourceKey: string;
  /** Path of the listing's page on the listing site. */
  readonly url: string;
  readonly title: string;
  readonly description: string;
  /** USD. */
  readonly price: number;
  readonly bedrooms: number;
  readonly bathrooms: number;
  /** Square feet. */
  readonly sqftLiving: number;
  /** Square feet. */
  readonly sqftLot: number;
  readonly floors: number;
  readonly waterfront: boolean;
  /** 0 (none) to 4 (excellent). */
  readonly view: number;
  /** 1 (poor) to 5 (very good). */
  readonly condition: number;
  /** 1 to 13: the county's grade of construction and design; 7 is average. */
  readonly grade: number;
  readonly yearBuilt: number;
  readonly yearRenovated: number | null;
  /** Five digits. */
  readonly zipcode: string;
  readonly latitude: number;
  readonly longitude: number;
}

/** What a row says, before identity and words are added. */
export type HouseFacts = Omit<House, "sourceKey" | "url" | "title" | "description">;
