/** The HTTP contract under short names. `contract.ts` is made from the server's OpenAPI document: `make types`. */
import type { components } from "./contract";

type Schemas = components["schemas"];

export type Attributes = Schemas["RecordInfo"]["attributes"];
export type Attribute = Attributes[string];
export type Box = Readonly<Schemas["RoiBody"]["box"]>;

export type Gallery = Schemas["GalleryAnswer"];
export type GalleryList = Schemas["GalleryList"];
export type GalleryChoice = Schemas["GalleryChoice"];
export type FirstStep = Schemas["FirstStep"];
export type Session = Schemas["SessionInfo"];
export type SignedOut = Schemas["SignedOut"];
export type Space = Schemas["SpaceInfo"];
export type Upload = Schemas["UploadInfo"];
export type ViewerKind = NonNullable<Upload["viewer"]>;

/** What the routes are asked with. */
export type Bodies = {
  [Name in keyof Schemas as Name extends `${infer Short}Body` ? Short : never]: Schemas[Name];
};
export type Query = Bodies["Query"];
export type SearchBody = Bodies["Search"];
export type SearchResult = Schemas["SearchResult"];
export type Hit = Schemas["Hit"];
export type Placed = Schemas["Placed"];
export type StudyMatch = Schemas["StudyMatch"];
export type Match = Schemas["Match"];
export type Explained = Schemas["Heat"];
export type Explanation = Schemas["Explanation"];
export type SlicePair = Schemas["SlicePair"];
export type ClassifyResult = Schemas["ClassifyResult"];

export type SimilarStudies = Schemas["SimilarStudies"];
export type SimilarStudy = Schemas["SimilarStudy"];

export type Stored = Schemas["RecordInfo"];
export type Timeline = Schemas["Timeline"];
export type TimelineStudy = Schemas["TimelineStudy"];
export type StudyRecords = Schemas["StudyRecords"];
export type RecordReport = Schemas["RecordReport"];
export type RecordFiles = Schemas["RecordFiles"];
export type RecordPage = Schemas["RecordPage"];
export type Facet = Schemas["Facet"];
export type ReaderList = Schemas["ReaderList"];
export type ImportFolders = Schemas["ImportFolders"];
export type FacetPage = Schemas["FacetPage"];
export type ChangedLabels = Schemas["Changed"];
export type LabelLog = Schemas["LabelLog"];
export type LoggedChange = Schemas["LoggedChange"];
export type LabelNext = Schemas["LabelNext"];
export type LabelOrder = LabelNext["by"];
export type RefusedPage = Schemas["RefusedPage"];
export type LabelMatch = Schemas["LabelMatch"];
export type Refusal = Schemas["Refused"];
export type MapGroups = Schemas["MapGroups"];
export type MapGroup = Schemas["MapGroup"];

export type Removed = Schemas["Removed"];
export type Decision = Schemas["StoredDecision"];
export type DecisionList = Schemas["DecisionList"];
export type Decided = Schemas["Decided"];
export type Merged = Schemas["MergeResult"];
export type DuplicatePair = Schemas["DuplicatePair"];
export type Outlier = Schemas["Outlier"];
export type MetadataAudit = Schemas["MetadataAudit"];
export type QualityFinding = Schemas["QualityFinding"];
export type SuspectValue = Schemas["SuspectValue"];

export type Cohort = Schemas["CohortInfo"];
export type CohortList = Schemas["CohortList"];
export type CohortSaved = Schemas["CohortSaved"];
export type CohortShown = Schemas["CohortShown"];

export type RoundList = Schemas["RoundList"];
export type ReadingRoundInfo = Schemas["RoundInfo"];
export type OwnReadings = Schemas["OwnReadings"];
export type ReadingRound = Schemas["ReadingRound"];
export type ReadRecord = Schemas["ReadRecord"];
export type ReadingAgreement = Schemas["ReadingAgreement"];
export type LabelKappa = Schemas["LabelKappa"];
export type ReadingsGiven = Schemas["ReadingsGiven"];

export type AdaptResult = Schemas["AdaptResult"];
export type TuneResult = Schemas["TuneResult"];
export type TrainingPoint = Schemas["TrainingPoint"];
export type Job = Schemas["JobAnswer"];
export type JobListing = Schemas["JobListing"];
export type Schedule = Schemas["ScheduleInfo"];
export type ScheduleList = Schemas["ScheduleList"];
export type Backup = Schemas["BackupInfo"];
export type BackupList = Schemas["BackupList"];
export type Report = Schemas["Report"];
export type AnsweredQuery = Schemas["AnsweredQuery"];
export type ClassifierReport = Schemas["ClassifierReport"];
export type Figures = Report["micro"];
export type Interval = ClassifierReport["methods"][string]["accuracy_interval"];
