import { type HouseFacts } from "./house.ts";

/**
 * Puts a house's facts into the words that people search with. Deterministic, and says only what the facts say: each
 * word stands for a range of one column. Short, and the description does not repeat the title: a model's time grows
 * faster than its text, and exact figures have columns of their own.
 */
export function describeHouse(house: HouseFacts): { title: string; description: string } {
  const setting = house.waterfront ? "waterfront " : "";
  const beds = house.bedrooms === 0 ? "no bedrooms" : count(house.bedrooms, "bedroom");
  const title = capitalise(
    `${ageWord(house.yearBuilt)} ${setting}house with ${beds}${house.view >= 3 ? " and a great view" : ""} in ${house.zipcode}`,
  );
  const sentences = [
    `${capitalise(sizeWord(house.sqftLiving))} home with ${count(house.bathrooms, "bathroom")} on ${withArticle(lotWords(house.sqftLot))}, ${built(house)}.`,
    `${capitalise(conditionWords[house.condition - 1]!)}, ${gradeWords(house.grade)}.`,
    ...(house.waterfront ? ["Directly at the water."] : []),
    ...(house.view > 0 ? [`${viewWords[house.view - 1]}.`] : []),
  ];
  return { title, description: sentences.join(" ") };
}

const conditionWords = [
  "poor condition, needs major repairs",
  "fair condition, needs work",
  "average condition",
  "good condition, well kept",
  "very good condition",
];
const viewWords = ["Fair view", "Average view", "Good view", "Excellent view"];

const SQFT_PER_ACRE = 43_560;

/** By the year alone, so that the words do not change with the date of reading. The sales are of 2014 and 2015. */
function ageWord(yearBuilt: number): string {
  if (yearBuilt < 1940) return "historic older";
  if (yearBuilt < 1970) return "older";
  if (yearBuilt < 1990) return "established";
  if (yearBuilt < 2008) return "modern";
  return "new";
}

function sizeWord(sqftLiving: number): string {
  if (sqftLiving < 1000) return "small";
  if (sqftLiving < 1800) return "mid-sized";
  if (sqftLiving < 3000) return "spacious";
  return "large, very spacious";
}

function lotWords(sqftLot: number): string {
  if (sqftLot < 3000) return "small lot";
  if (sqftLot < 10_000) return "medium lot";
  if (sqftLot < SQFT_PER_ACRE) return "big lot";
  return `very big lot of ${trim(sqftLot / SQFT_PER_ACRE, 1)} acres`;
}

function gradeWords(grade: number): string {
  if (grade <= 4) return "construction below building standards";
  if (grade <= 6) return "simple construction";
  if (grade === 7) return "average construction";
  if (grade <= 9) return "good construction";
  if (grade <= 11) return "luxury construction";
  return "custom construction of mansion quality";
}

function built({ yearBuilt, yearRenovated }: HouseFacts): string {
  return yearRenovated === null ? `built in ${yearBuilt}` : `built in ${yearBuilt}, renovated in ${yearRenovated}`;
}

function count(value: number, noun: string): string {
  return `${trim(value, 2)} ${noun}${value === 1 ? "" : "s"}`;
}

function trim(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}

function withArticle(text: string): string {
  return `${/^[aeiou]/i.test(text) ? "an" : "a"} ${text}`;
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
