export default { basePath: "/team" };
